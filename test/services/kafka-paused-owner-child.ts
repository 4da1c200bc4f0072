import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import { openStore, type StoreLocation } from '#platform/store/open-store.ts'
import { logOptions } from './kafka.ts'
import { createStoreReader } from './kafka-store-reader.ts'

// Polls one batch, says so, waits for a line, and tries to commit it.
const [, , topicPrefix, location] = process.argv as [string, string, string, string]
const log = await openKafkaLog(logOptions({ topicPrefix, partitions: 1 }))
const store = await openStore(JSON.parse(location) as StoreLocation)
const reader = createStoreReader(log, store)
const lines = createInterface({ input: process.stdin })
const batch = await reader.consumer.poll(5, 30_000)
console.log(`polled ${batch?.fromOffset} ${batch?.nextOffset}`)
await once(lines, 'line')
console.log(`committed ${await reader.commit(batch!)}`)
const line = once(lines, 'line')
let seen = 0
let ended = false
void line.then(() => {
  ended = true
})
while (!ended) {
  const more = await reader.poll()
  if (more !== null && (await reader.commit(more))) seen += more.records.length
}
console.log(`more ${seen}`)
await log.close()
await store.close()
process.exit(0)

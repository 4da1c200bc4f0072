import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogRecord } from '#contracts/event.ts'
import { openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import type { Store } from '#platform/store/store.ts'
import { many, readAll, record } from '../contract/event-log-contract.ts'
import { openTestStore, storeLocation } from '../support/test-store.ts'
import { logOptions } from './kafka.ts'
import { createStoreReader, readOn } from './kafka-store-reader.ts'

let folder: string
let store: Store
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-kafka-'))
  store = await openTestStore(folder)
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

test('members that come and go take each record once, and the order of each customer holds', async () => {
  const options = logOptions({ partitions: 6 })
  const log = await openKafkaLog(options)
  const taken: LogRecord[] = []
  const members: { log: typeof log; stop: AbortController; done: Promise<void> }[] = []
  const join = async () => {
    const own = await openKafkaLog(options)
    const stop = new AbortController()
    members.push({ log: own, stop, done: readOn(createStoreReader(own, store), taken, stop.signal) })
  }
  const leave = async () => {
    const member = members.shift()!
    member.stop.abort()
    await member.done
    await member.log.close()
  }
  const append = async (from: number, to: number) => {
    for (let call = from; call < to; call++) await log.append(many(30, String(call)))
  }
  const until = async (count: number) => {
    while (taken.length < count) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await join()
  await append(0, 40)
  await until(100)
  await Promise.all([join(), append(40, 80)])
  await until(1500)
  await Promise.all([join(), append(80, 120)])
  await until(2000)
  await leave()
  await append(120, 150)
  await until(3600)
  await leave()
  await until(30 * 150)
  await leave()

  expect(new Set(taken.map((one) => one.eventId)).size).toBe(30 * 150)
  expect(taken).toHaveLength(30 * 150)
  for (const [, own] of Map.groupBy(taken, (one) => one.customerId)) {
    expect(own.map((one) => Number(one.eventId.split('.')[0]))).toEqual(
      Array.from({ length: 150 }, (_, i) => i),
    )
  }
  await log.close()
})

test('starts where the store stands, whatever Kafka has been told', async () => {
  const options = logOptions({ partitions: 1 })
  const log = await openKafkaLog(options)
  await log.append(Array.from({ length: 10 }, (_, i) => record('c', `e${i}`)))
  const before = log.consumer('reader')
  await readAll(before)
  before.committed(0, 10)
  await before.close()

  const reader = createStoreReader(log, store)
  const batch = await reader.consumer.poll(4, 20_000)
  expect([batch?.fromOffset, batch?.nextOffset]).toEqual([0, 4])
  expect(await reader.commit(batch!)).toBe(true)
  await reader.consumer.close()
  const again = createStoreReader(log, store)
  expect((await again.consumer.poll(100, 20_000))?.fromOffset).toBe(4)
  await log.close()
})

test('an owner that was stopped beyond its session and lost its partition cannot commit', async () => {
  const options = logOptions({ partitions: 1 })
  const log = await openKafkaLog(options)
  await log.append(Array.from({ length: 10 }, (_, i) => record('c', `e${i}`)))
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'kafka-paused-owner-child.ts'),
      options.topicPrefix,
      JSON.stringify(await storeLocation(folder)),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const said = async () => (await lines.next()).value as string
  expect(await said()).toBe('polled 0 5')
  child.kill('SIGSTOP')

  const reader = createStoreReader(log, store)
  const batch = await reader.consumer.poll(3, 40_000)
  expect([batch?.fromOffset, batch?.nextOffset]).toEqual([0, 3])
  expect(await reader.commit(batch!)).toBe(true)
  child.kill('SIGCONT')
  child.stdin.write('commit\n')
  expect(await said()).toBe('committed false')

  // Whoever owns the partition now, the seven records that are left are taken once.
  const taken: LogRecord[] = []
  const stop = new AbortController()
  const reading = readOn(reader, taken, stop.signal)
  const stored = async () =>
    (await store.read.system.selectFrom('log_offsets').select('next_offset').executeTakeFirst())?.next_offset
  while ((await stored()) !== 10) await new Promise((resolve) => setTimeout(resolve, 20))
  child.stdin.write('end\n')
  const more = Number((await said()).split(' ')[1])
  stop.abort()
  await reading
  expect(taken.length + more).toBe(7)
  if (child.exitCode === null) await once(child, 'exit')
  await log.close()
})

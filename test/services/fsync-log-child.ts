import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import { decodeAppend, encodeAppend } from '#platform/log/append-frame.ts'
import { createGroupCommit } from '#platform/log/group-commit.ts'
import { createSqliteLog } from '#platform/log/sqlite-log.ts'

// The log behind the smallest of doors, with the durability asked for: what the checker is tried on.
const { values } = parseArgs({ options: { file: { type: 'string' }, synchronous: { type: 'string' } } })
const log = createSqliteLog({ file: values.file ?? '', wallClock: { now: Date.now } })
log.database.exec(`pragma synchronous = ${values.synchronous}`)
const commits = createGroupCommit(log)

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { batch } = JSON.parse(Buffer.concat(chunks).toString()) as { batch: unknown[] }
  const records = batch.map((event) => ({ key: 'main', body: JSON.stringify(event) }))
  commits.submit(decodeAppend(encodeAppend(0, records, log.partitions)).runs, () => {
    response.end(`{"success":true,"accepted":${batch.length},"rejected":[]}`)
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  process.stdout.write(`Starling is ready at http://127.0.0.1:${address.port} \n`)
})
process.once('SIGTERM', () => process.exit(0))

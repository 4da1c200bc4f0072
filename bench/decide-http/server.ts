import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fastify from 'fastify'
import { systemClock } from '#platform/clock/system-clock.ts'
import { createLogClient } from '#platform/log/log-client.ts'
import { startLogThread } from '#platform/log/start-log-thread.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import { createWriterTicket } from '#platform/store/writer-ticket.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { createPulse } from '#platform/threads/pulse.ts'
import { startThread } from '#platform/threads/start-thread.ts'
import { createWake } from '#platform/threads/wake.ts'
import { assembleApi } from '../../src/api/assemble-api.ts'
import { readConfig, roleNames } from '../../src/config.ts'
import { firstStart } from '../../src/pipeline/first-start.ts'
import { defaultSettings } from '../../src/pipeline/in-thread-engine.ts'
import type { RoleThreadData } from '../../src/pipeline/roles/role-thread.ts'
import { adminKey, writeKey } from './scene.ts'

/**
 * A server as `starling serve` plays it: the door in this thread, the log, the worker, the sender and the
 * strategist in theirs. Beside it, in the same thread and on a port of its own, a bare Fastify route that does
 * nothing but append its body to the same log.
 */
const folder = mkdtempSync(join(process.env.STARLING_BENCH_DIR ?? process.cwd(), '.bench-'))
const location = { file: join(folder, 'store.db') }
const logThread = await startLogThread({ file: join(folder, 'log.db'), partitions: 8 })
const logger = createLogger({}, { level: 'warn' })
const ticket = createWriterTicket()
const store = await openStore({ ...location, ticket })
const wake = createWake()
const pulse = createPulse(roleNames.length)
const log = createLogClient(logThread.connect())
await firstStart(store, {
  workspace: 'main',
  writeKey,
  adminKey,
  sendMode: 'outbox',
  zone: 'UTC',
  reportingCurrency: 'EUR',
  now: Date.now(),
})

const read = readConfig({ STARLING_DATA_DIR: folder, STARLING_PORT: '0' }, folder)
if (read.kind === 'faults') throw new Error(read.faults.join('\n'))
const settings = { ...defaultSettings, owner: `bench:${process.pid}` }
const random = createSeededRandom(7)
const clocks = { clock: systemClock, wallClock: systemClock }
/** Of the last decisions: what the bare route will append. */
const samples: { key: string; body: string }[] = []
const watched = {
  ...log,
  append: (records: Parameters<typeof log.append>[0]) => {
    for (const record of records)
      if (samples.length < 256 && record.body.includes('"kind":"decision"')) samples.push(record)
    return log.append(records)
  },
}
const parts = { store, log: watched, wake, ...clocks, random, logger, settings }
const api = await assembleApi(parts, { config: read.config, location })
const url = await api.listen({ host: '127.0.0.1', port: 0 })
settings.publicUrl = url

for (const role of ['worker', 'sender', 'strategist'] as const) {
  const connection = role === 'worker' ? logThread.connect() : undefined
  const data: RoleThreadData = {
    role,
    location,
    ticket: ticket.shared,
    wake: wake.shared,
    pulse: pulse.shared,
    ...(connection === undefined ? {} : { log: { kind: 'thread', connection } }),
    settings: { ...settings, owner: `${settings.owner}:${role}` },
  }
  startThread({
    name: role,
    entry: new URL('../../src/pipeline/roles/role-thread.ts', import.meta.url),
    workerData: data,
    transferList: connection === undefined ? [] : [connection.port],
  })
}

const bare = fastify()
bare.removeAllContentTypeParsers()
bare.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
  done(null, body),
)
bare.post('/append', async (request, reply) => {
  const result = await log.append([{ key: String(request.headers['x-key']), body: request.body as string }])
  if (result.kind !== 'appended') return reply.code(503).send()
  return reply.header('content-type', 'application/json; charset=utf-8').send('{"appended":true}')
})
await bare.listen({ host: '127.0.0.1', port: 0 })
const barePort = (bare.server.address() as { port: number }).port

/** Records appended and not yet stored. */
async function lag(): Promise<number> {
  const ends = await log.ends()
  const rows = await store.read.system.selectFrom('log_offsets').selectAll().execute()
  const stored = new Map(rows.map((row) => [row.partition_number, row.next_offset]))
  let records = 0
  for (const [partition, end] of ends) records += end - (stored.get(partition) ?? 0)
  return records
}

process.on('message', (asked: 'lag' | 'samples' | 'cpu') => {
  if (asked === 'cpu') {
    process.send!({ door: process.threadCpuUsage(), all: process.cpuUsage() })
    return
  }
  if (asked === 'samples') process.send!({ samples })
  else void lag().then((records) => process.send!({ lag: records }))
})
process.on('disconnect', () => {
  rmSync(folder, { recursive: true, force: true })
  process.exit(0)
})
process.send!({ url, barePort })

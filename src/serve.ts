import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '#platform/clock/system-clock.ts'
import { ownFolder } from '#platform/folder-owner.ts'
import { createLogClient } from '#platform/log/log-client.ts'
import { startLogThread } from '#platform/log/start-log-thread.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore, type StoreLocation } from '#platform/store/open-store.ts'
import { createWriterTicket } from '#platform/store/writer-ticket.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { startThread } from '#platform/threads/start-thread.ts'
import { createWake } from '#platform/threads/wake.ts'
import { assembleApi } from './api/assemble-api.ts'
import type { Config } from './config.ts'
import type { EngineParts, EngineSettings } from './pipeline/engine-parts.ts'
import { firstStart } from './pipeline/first-start.ts'
import type { RoleThreadData } from './pipeline/roles/role-thread.ts'

export interface Server {
  url: string
  /** What a person sees: the address, and keys that were made now, for the only time. */
  greeting: string
  /** Lets what is under way end, in the order in which the parts depend on each other. */
  close(): Promise<void>
}

export type Started =
  | { kind: 'started'; server: Server }
  | { kind: 'refused'; reason: string; exitCode: number }

/** How CLI commands find the running server: its address and an admin key, in a file of mode 0600. */
export const serverFileName = 'server.json'

/** The parts of one process, from top to bottom. */
export async function serve(config: Config): Promise<Started> {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const owner = ownFolder(config.dataDir)
  if (owner.kind === 'taken') return { kind: 'refused', reason: owner.message, exitCode: 73 }
  const closers: (() => unknown)[] = [() => owner.release()]
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const logThread = await startLogThread({
      file: join(config.dataDir, 'log.db'),
      partitions: config.logPartitions,
      limits: {
        retentionMs: config.logRetentionMs,
        retentionBytesMax: config.logBytesMax,
        backlogBytesMax: config.logBacklogBytesMax,
      },
    })
    closers.push(() => logThread.close())

    const location: StoreLocation =
      config.databaseUrl === undefined
        ? { file: join(config.dataDir, 'store.db') }
        : { url: config.databaseUrl }
    const ticket = createWriterTicket()
    const wake = createWake()
    const store = await openStore({ ...location, ticket })
    closers.push(() => store.close())

    const { made, localKey } = await firstStart(store, { ...config, now: systemClock.now() })

    const logger = createLogger({ role: 'api' })
    const log = createLogClient(logThread.connect(), {
      onDamage: (damage) => logger.error('a record of the log is damaged', { ...damage }),
    })
    closers.push(() => log.close())
    const settings = settingsOf(config)
    const parts: EngineParts = {
      store,
      log,
      wake,
      clock: systemClock,
      wallClock: systemClock,
      random: createSeededRandom(systemClock.now() >>> 0, process.pid),
      logger,
      settings,
    }
    let url = ''
    if (config.roles.includes('api')) {
      const api = await assembleApi(parts, { config, location })
      url = await api.listen({ host: config.host, port: config.port })
      closers.push(() => api.close())
      settings.publicUrl = config.publicUrl ?? url
    }
    for (const role of config.roles) {
      if (role === 'api') continue
      const connection = logThread.connect()
      const data: RoleThreadData = {
        role,
        location,
        ticket: ticket.shared,
        wake: wake.shared,
        log: connection,
        settings: { ...settings, owner: `${settings.owner}:${role}` },
      }
      const entry = new URL('./pipeline/roles/role-thread.ts', import.meta.url)
      const thread = startThread({ name: role, entry, workerData: data, transferList: [connection.port] })
      closers.push(() => thread.close())
    }
    const serverFile = join(config.dataDir, serverFileName)
    if (url !== '') {
      writeFileSync(serverFile, JSON.stringify({ url, adminKey: localKey, pid: process.pid }), {
        mode: 0o600,
      })
      closers.push(() => rmSync(serverFile, { force: true }))
    }
    return { kind: 'started', server: { url, greeting: greetingOf(config, url, made), close: closeAll } }
  } catch (error) {
    await closeAll()
    return { kind: 'refused', reason: error instanceof Error ? error.message : String(error), exitCode: 70 }
  }
}

function settingsOf(config: Config): EngineSettings {
  return {
    triggerMaxAgeMs: config.triggerMaxAgeMs,
    batchRecordsMax: config.batchRecordsMax,
    batchMaxMs: config.batchMaxMs,
    sendsInFlightMax: config.sendsInFlightMax,
    eventsKeepDays: config.eventsKeepDays,
    smtpUrl: config.smtpUrl ?? null,
    mailFrom: config.mailFrom,
    publicUrl: config.publicUrl ?? `http://${config.host}:${config.port}`,
    owner: `${process.pid}`,
  }
}

function greetingOf(config: Config, url: string, made: { writeKey?: string; adminKey?: string }): string {
  const lines = [`Starling is ready at ${url} (roles: ${config.roles.join(', ')}; data in ${config.dataDir})`]
  if (made.writeKey !== undefined)
    lines.push(`  write key  ${made.writeKey}    for your product's event client`)
  if (made.adminKey !== undefined) lines.push(`  admin key  ${made.adminKey}    shown this once: keep it`)
  lines.push(`  outbox     ${url}/outbox`, `  API        ${url}/docs`)
  return lines.join('\n')
}

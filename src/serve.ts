import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { engineClock } from '#platform/clock/engine-clock.ts'
import { systemClock } from '#platform/clock/system-clock.ts'
import { ownFolder } from '#platform/folder-owner.ts'
import { readLogEnds } from '#platform/log/log-file.ts'
import { startLogThread } from '#platform/log/start-log-thread.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore, type StoreLocation } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import { createWriterTicket, type WriterTicket } from '#platform/store/writer-ticket.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { createPulse, type Pulse } from '#platform/threads/pulse.ts'
import { startThread, type Thread } from '#platform/threads/start-thread.ts'
import { createWake, type Wake } from '#platform/threads/wake.ts'
import { type ApiServer, assembleApi } from './api/assemble-api.ts'
import { createHealthServer } from './api/health-server.ts'
import { type Config, providersOf, roleNames } from './config.ts'
import { checkProviders } from './pipeline/check-providers.ts'
import type { EngineParts, EngineSettings } from './pipeline/engine-parts.ts'
import { type FirstStartOptions, firstStart } from './pipeline/first-start.ts'
import { createReadiness } from './pipeline/readiness.ts'
import { type KafkaLocation, type LogLocation, openRoleLog } from './pipeline/roles/open-role-log.ts'
import type { RoleThreadData } from './pipeline/roles/role-thread.ts'
import { embeddedLog, kafkaLog, takeLog } from './pipeline/store-log.ts'

export interface Server {
  url: string
  /** What a person sees: the address, and keys that were made now, for the only time. */
  greeting: string
  /**
   * Lets what is under way end, in the order in which the parts depend on each other. False where it took
   * longer than `drainMaxMs`: what was being sent is `unknown` then, and the process should exit.
   */
  close(): Promise<boolean>
}

export type Started =
  | { kind: 'started'; server: Server }
  | { kind: 'refused'; reason: string; exitCode: number }

/** How CLI commands find the running server: its address and an admin key, in a file of mode 0600. */
export const serverFileName = 'server.json'

/** The parts of one process, from top to bottom. */
export async function serve(config: Config): Promise<Started> {
  const faults = await checkProviders(settingsOf(config))
  if (faults.length > 0) {
    const reason = `the settings do not fit:\n${faults.map((fault) => `  ${fault}`).join('\n')}`
    return { kind: 'refused', reason, exitCode: 78 }
  }
  const owner = ownFolder(config.dataDir)
  if (owner.kind === 'taken') return { kind: 'refused', reason: owner.message, exitCode: 73 }
  const closers: (() => unknown)[] = [() => owner.release()]
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const logger = createLogger({ role: config.roles.length === 1 ? config.roles[0]! : 'main' })
    const reach = await openLog(config)
    closers.push(() => reach.close())
    const location: StoreLocation =
      config.databaseUrl === undefined
        ? { file: join(config.dataDir, 'store.db') }
        : { url: config.databaseUrl }
    const ticket = createWriterTicket()
    const store = await openStore({ ...location, ticket })
    closers.push(() => store.close())
    const open = async () => (await openRoleLog(reach.location(), logger)).close()
    const logFault = await takeOwnLog(store, config, open)
    if (logFault !== null) throw new Error(logFault)
    const { made, localKey } = await firstStart(store, firstStartOf(config))

    const shared: SharedParts = {
      config,
      location,
      ticket,
      wake: createWake(),
      pulse: createPulse(roleNames.length),
      settings: settingsOf(config),
    }
    const log = config.roles.includes('api') ? await openRoleLog(reach.location(), logger) : undefined
    closers.push(() => log?.close())
    const { roles } = config
    const readiness = createReadiness({ store, log, pulse: shared.pulse, roles, wallClock: systemClock })
    const door =
      log === undefined
        ? createHealthServer(readiness.reason)
        : await openDoor(shared, { store, log, logger }, readiness.reason)
    const url = await door.listen({ host: config.host, port: config.port })
    closers.push(() => door.close())
    shared.settings.publicUrl = config.publicUrl ?? url

    for (const role of roles) {
      if (role === 'api') continue
      const thread = startRole(role, shared, role === 'worker' ? reach.location() : undefined)
      closers.push(() => thread.close())
    }
    closers.push(() => readiness.stop())
    const serverFile = join(config.dataDir, serverFileName)
    writeFileSync(serverFile, JSON.stringify({ url, adminKey: localKey, pid: process.pid }), { mode: 0o600 })
    closers.push(() => rmSync(serverFile, { force: true }))
    const close = () => within(config.drainMaxMs, closeAll())
    return { kind: 'started', server: { url, greeting: greetingOf(config, url, made), close } }
  } catch (error) {
    await closeAll()
    return { kind: 'refused', reason: error instanceof Error ? error.message : String(error), exitCode: 70 }
  }
}

/** What the threads of this process have in common. */
interface SharedParts {
  config: Config
  location: StoreLocation
  ticket: WriterTicket
  wake: Wake
  pulse: Pulse
  settings: EngineSettings
}

/** The log's own thread on one machine; nothing of ours where Kafka is the log. */
async function openLog(config: Config): Promise<{ location(): LogLocation; close(): Promise<void> }> {
  if (config.kafkaBrokers !== undefined) {
    const settings = kafkaSettingsOf(config, config.kafkaBrokers)
    return { location: () => ({ kind: 'kafka', settings }), close: async () => {} }
  }
  const thread = await startLogThread({
    file: join(config.dataDir, 'log.db'),
    partitions: config.logPartitions,
    limits: {
      retentionMs: config.logRetentionMs,
      retentionBytesMax: config.logBytesMax,
      backlogBytesMax: config.logBacklogBytesMax,
    },
  })
  return { location: () => ({ kind: 'thread', connection: thread.connect() }), close: thread.close }
}

function takeOwnLog(store: Store, config: Config, open: () => Promise<void>): Promise<string | null> {
  const { kafkaBrokers, kafkaTopicPrefix, dataDir } = config
  const log = kafkaBrokers === undefined ? embeddedLog : kafkaLog(kafkaTopicPrefix)
  return takeLog(store, log, { ends: () => readLogEnds(join(dataDir, 'log.db')), open })
}

function openDoor(
  { config, location, wake, settings }: SharedParts,
  own: Pick<EngineParts, 'store' | 'log' | 'logger'>,
  ailing: () => string | null,
): Promise<ApiServer> {
  const random = createSeededRandom(systemClock.now() >>> 0, process.pid)
  const parts = { ...own, wake, clock: engineClock, wallClock: systemClock, random, settings }
  return assembleApi(parts, { config, location, ailing })
}

function startRole(role: RoleThreadData['role'], shared: SharedParts, log?: LogLocation): Thread {
  const { location, ticket, wake, pulse, settings } = shared
  const data: RoleThreadData = {
    role,
    location,
    ticket: ticket.shared,
    wake: wake.shared,
    pulse: pulse.shared,
    ...(log === undefined ? {} : { log }),
    settings: { ...settings, owner: `${settings.owner}:${role}` },
  }
  return startThread({
    name: role,
    entry: new URL('./pipeline/roles/role-thread.ts', import.meta.url),
    workerData: data,
    transferList: log?.kind === 'thread' ? [log.connection.port] : [],
  })
}

async function within(maxMs: number, work: Promise<void>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), maxMs)
  const inTime = await Promise.race([work.then(() => true), late])
  clearTimeout(timer)
  return inTime
}

function firstStartOf(config: Config): FirstStartOptions {
  const localKeyName = `command line of ${hostname()}, ${resolve(config.dataDir)}`
  return {
    ...config,
    ...(config.roles.includes('api') ? { localKeyName } : {}),
    now: systemClock.now(),
  }
}

function kafkaSettingsOf(config: Config, brokers: string[]): KafkaLocation {
  const { kafkaUsername: username, kafkaPassword: password } = config
  return {
    brokers,
    topicPrefix: config.kafkaTopicPrefix,
    tls: config.kafkaTls,
    ...(username === undefined || password === undefined
      ? {}
      : { sasl: { mechanism: config.kafkaSaslMechanism, username, password } }),
    partitions: config.logPartitions,
    replicationFactor: config.kafkaReplicationFactor,
    retentionMs: config.logRetentionMs,
    createTopics: config.kafkaCreateTopics,
  }
}

function settingsOf(config: Config): EngineSettings {
  return {
    triggerMaxAgeMs: config.triggerMaxAgeMs,
    batchRecordsMax: config.batchRecordsMax,
    batchMaxMs: config.batchMaxMs,
    sendsInFlightMax: config.sendsInFlightMax,
    eventsKeepDays: config.eventsKeepDays,
    providers: providersOf(config),
    ...(config.channelsDir === undefined ? {} : { channelsDir: resolve(config.channelsDir) }),
    ...(config.redisUrl === undefined ? {} : { redisUrl: config.redisUrl }),
    mailFrom: config.mailFrom,
    ...(config.bounceAddress === undefined ? {} : { bounceAddress: config.bounceAddress }),
    ...(config.linkUrls === undefined ? {} : { linkUrls: config.linkUrls }),
    webhookPrivateHosts: config.webhookPrivateHosts,
    feedPrivateHosts: config.feedPrivateHosts,
    publicUrl: config.publicUrl ?? `http://${config.host}:${config.port}`,
    // Containers share process ids: two owners of one name would take each other's leases for their own.
    owner: `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`,
  }
}

function greetingOf(config: Config, url: string, made: { writeKey?: string; adminKey?: string }): string {
  const roles = config.roles.join(', ')
  if (!config.roles.includes('api')) return `Starling works (roles: ${roles}); ${url}/readyz says how it is`
  const lines = [`Starling is ready at ${url} (roles: ${roles}; data in ${config.dataDir})`]
  if (made.writeKey !== undefined)
    lines.push(`  write key  ${made.writeKey}    for your product's event client`)
  if (made.adminKey !== undefined) lines.push(`  admin key  ${made.adminKey}    shown this once: keep it`)
  lines.push(`  outbox     ${url}/outbox`, `  API        ${url}/docs`)
  return lines.join('\n')
}

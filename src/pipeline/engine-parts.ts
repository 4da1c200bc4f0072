import type { CapCache } from '#contracts/cap-cache.ts'
import type { Clock } from '#contracts/clock.ts'
import type { EventLog } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import type { ProviderSettings } from '#contracts/provider.ts'
import type { Random } from '#contracts/random.ts'
import type { TokenBucket } from '#contracts/rate-limit.ts'
import type { Store } from '#platform/store/store.ts'
import type { Wake } from '#platform/threads/wake.ts'

/** What the roles that append and read nothing are made of: sender, strategist. */
export interface RoleParts {
  store: Store
  wake: Wake
  /** Injected: due times, customers' windows, attribution. */
  clock: Clock
  /** Leases, back-off, receipt. */
  wallClock: Clock
  random: Random
  logger: Logger
  /** What several processes share; absent where there is one. */
  capCache?: CapCache
  tokenBucket?: TokenBucket
  settings: EngineSettings
}

/** What every role can be made of: the real components, the two clocks, and the settings they share. */
export interface EngineParts extends RoleParts {
  log: EventLog
}

export interface EngineSettings {
  triggerMaxAgeMs: number
  batchRecordsMax: number
  batchMaxMs: number
  sendsInFlightMax: number
  eventsKeepDays: number
  /** Ways out of the house; without one for its channel a message stays in the outbox. */
  providers: readonly ProviderSettings[]
  /** A folder whose files are channels too. */
  channelsDir?: string
  /** Several processes share through it; absent where there is one. */
  redisUrl?: string
  mailFrom: string
  /** Where mails come back to; each with a part of its own (VERP). Absent: to their sender. */
  bounceAddress?: string
  /** By domain of the sender, where the links of its mails begin instead of at `publicUrl`. */
  linkUrls?: Readonly<Record<string, string>>
  /** Whether other systems that are told of messages may be in this network. */
  webhookPrivateHosts: boolean
  /** The same of feeds of items. */
  feedPrivateHosts: boolean
  /** How customers reach us: links in messages start with it. */
  publicUrl: string
  /** Names this process and role in leases. */
  owner: string
}

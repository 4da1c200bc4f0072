import type { Clock } from '#contracts/clock.ts'
import type { EventLog } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Random } from '#contracts/random.ts'
import type { Store } from '#platform/store/store.ts'
import type { Wake } from '#platform/threads/wake.ts'

/** What every role is made of: the real components, the two clocks, and the settings they share. */
export interface EngineParts {
  store: Store
  log: EventLog
  wake: Wake
  /** Injected: due times, customers' windows, attribution. */
  clock: Clock
  /** Leases, back-off, receipt. */
  wallClock: Clock
  random: Random
  logger: Logger
  settings: EngineSettings
}

export interface EngineSettings {
  triggerMaxAgeMs: number
  batchRecordsMax: number
  batchMaxMs: number
  sendsInFlightMax: number
  eventsKeepDays: number
  smtpUrl: string | null
  mailFrom: string
  /** How customers reach us: links in messages start with it. */
  publicUrl: string
  /** Names this process and role in leases. */
  owner: string
}

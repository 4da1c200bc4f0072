import type { Clock } from '#contracts/clock.ts'
import type { Channel } from '#contracts/message.ts'
import type { Store } from '#platform/store/store.ts'
import type { SmtpSettings } from './smtp/smtp-settings.ts'

/** What a channel may need to open; each takes what concerns it. */
export interface ChannelSettings {
  store: Store
  /** Injected clock: when an outbox row was written. */
  clock: Clock
  /** null: no mail server is configured. */
  smtp: SmtpSettings | null
}

/** What every file of `channels/` exports as `channel`. */
export interface ChannelFile {
  /** For attempts: `smtp`, `outbox`. */
  provider: string
  /** `people`: it reaches customers. `nobody`: it keeps the message here for us to look at. */
  reaches: 'people' | 'nobody'
  /** The channels it serves under these settings; none where it is not configured. */
  open(settings: ChannelSettings): Channel[]
}

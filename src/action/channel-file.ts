import type { z } from 'zod'
import type { ChannelName } from '#contracts/campaign.ts'
import type { Clock } from '#contracts/clock.ts'
import type { CallbackFact, CallbackSource } from '#contracts/delivery.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Channel, ContentLimits } from '#contracts/message.ts'
import type { Random } from '#contracts/random.ts'
import type { Store } from '#platform/store/store.ts'
import type { Wake } from '#platform/threads/wake.ts'
import type { secret } from './secret.ts'

/** What every file of `channels/`, and of the configured folder outside, exports as `channel`. */
export interface ChannelFile<S = unknown> {
  /** `smtp`, `ses`, `twilio`, …: how the configuration names it, and the file's name. */
  kind: string
  /** The channel it serves. `every`: only of those that reach nobody. */
  channel: ChannelName | 'every'
  /** `people`: it reaches customers. `nobody`: it keeps the message here for us to look at. */
  reaches: 'people' | 'nobody'
  /** Of a channel with several kinds of addresses: whether it can take this one. Default: any. */
  serves?(address: string): boolean
  /** It needs no account: where none of its channel is configured, it is there with default settings. */
  builtIn?: true
  /** What its messages may be at most: checked before one is sent. */
  limits: ContentLimits
  /** The provider's own settings: a strict object, each password, token or key of it a `secret()`. */
  settings: z.ZodType<S>
  /** The provider honours our idempotency key: a call that ended without an answer may be made once more. */
  resends: boolean
  open(settings: S, parts: ChannelParts): Channel
}

/** What a channel may need besides its settings; each takes what concerns it. */
export interface ChannelParts {
  /** The provider's id in the configuration. */
  id: string
  store: Store
  /** Injected: when a row was written. */
  clock: Clock
  /** The machine's: signatures, tokens that expire. */
  wallClock: Clock
  random: Random
  logger: Logger
  /** Most messages it is given at once: as many connections are enough. */
  inFlightMax: number
  /** How customers and providers reach us, without a slash at the end. */
  publicUrl: string
  /**
   * Takes what the provider tells of messages over the channel's own connection, and answers whether each was of
   * one that we know. It may throw: then the provider is to tell it again. Absent: nobody listens.
   */
  report?(source: CallbackSource, facts: readonly CallbackFact[]): Promise<boolean>
  /** Tells other roles that there is something new. */
  wake?: Pick<Wake, 'notify'>
}

/**
 * What a file outside this package is given, which cannot import from it: it exports a function of these that
 * makes its `ChannelFile`.
 */
export interface ChannelTools {
  z: typeof z
  secret: typeof secret
}

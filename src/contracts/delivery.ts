import type { ChannelName } from './campaign.ts'
import type { InstantMs } from './clock.ts'

/**
 * What became of a message after its provider had taken it. `sent`: the provider says that it has it.
 * `failed`: it went nowhere, and the address is not to blame.
 */
export const deliveryKinds = [
  'sent',
  'delivered',
  'soft-bounce',
  'hard-bounce',
  'failed',
  'complaint',
  'unsubscribe',
  'reply',
] as const
export type DeliveryKind = (typeof deliveryKinds)[number]

/** Of a log record of kind `delivery`: a provider, or a mail that came back, told us of one of our messages. */
export interface DeliveryPayload {
  messageId: string
  kind: DeliveryKind
  /** The id that the configuration gives it; `mail` for a report that came by mail. */
  provider: string
  address: string
  /** The provider's own words, cut. Of a reply: what it says. */
  reason: string
}

/** One thing that a provider tells of a message, in our words. */
export interface CallbackFact {
  /** The same each time that the provider tells it. */
  id: string
  kind: DeliveryKind | 'open' | 'click'
  /** Ours, where the provider hands it back; '' where it does not. */
  messageId: string
  /** What the provider called the message when it took it; '' where it does not say. */
  providerMessageId: string
  address: string
  occurredAt: InstantMs
  reason: string
  /** Of a click and an open. */
  url?: string
  userAgent?: string
  /** The provider says that a program did it, not a reader. */
  byMachine?: true
  /** Nobody has signed it: it counts in this workspace alone, and of the address that we wrote to. */
  onlyIn?: string
}

/** A customer's answer to a text message that says yes or no to further ones, or asks for help. */
export type ReplyWord = 'stop' | 'start' | 'help'

export interface CallbackSource {
  /** Of the configuration. */
  provider: string
  channel: ChannelName
}

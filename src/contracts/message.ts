import type { ChannelName } from './campaign.ts'
import type { InstantMs } from './clock.ts'
import type { JsonObject } from './json.ts'

/**
 * queued → sending (claim) → sent | failed | unknown; queued → lapsed; sending → queued (transient
 * result, the slot is given back until the next claim); unknown → sent | failed (a callback or a person);
 * failed → queued (a person retries it).
 */
export type MessageState = 'queued' | 'sending' | 'sent' | 'failed' | 'unknown' | 'lapsed'

/** A message as the pipeline queues it. */
export interface NewMessage {
  messageId: string
  decisionId: string
  decisionDayUtc: number
  customerId: string
  campaignId: string
  campaignVersion: number
  treatmentId: string
  variantId: string
  channel: ChannelName
  address: string
  transactional: boolean
  costMicros: number
  dueAt: InstantMs
  expiresAt: InstantMs
  /** Of a touch: the journey that it belongs to. */
  journeyId?: string
  /** Who has met the goal since then does not get it. Default: the decision. */
  relevantSince?: InstantMs
  /** The trigger as templates see it: `event.name`, `event.properties.…`. */
  context: JsonObject
}

/** What a channel gets: rendered, addressed, with the links in place. */
export interface OutgoingMessage {
  workspace: string
  channel: ChannelName
  messageId: string
  /** The same for every attempt: providers that know it send once. */
  idempotencyKey: string
  customerId: string
  address: string
  from: string
  /** Of a mail: the address it comes back to where it cannot be delivered; absent: the sender's. */
  returnPath?: string
  subject: string
  html: string
  text: string
  /** Where a tap on it leads, through our click link where it is of the web; '' for nowhere. */
  url: string
  /** What an app or another system reads of it: a push's data, a webhook's body. */
  data: JsonObject
  /** `List-Unsubscribe` and the like. */
  headers: Record<string, string>
  /** Of no use to the customer later than this: what a push service keeps is dropped then. */
  expiresAt?: InstantMs
}

export type SendResult =
  | { kind: 'sent'; providerMessageId: string }
  /**
   * Nothing was sent; try again. `ofProvider`: the account is at fault (credentials, balance, blocked), so
   * that any message would fare alike.
   */
  | { kind: 'transient'; reason: string; retryAfterMs?: number; ofProvider?: true }
  /**
   * Nothing was sent and never will be; `suppress` when the address itself is bad. `endpointGone`: the device or
   * browser is no more, which says nothing of the customer's others.
   */
  | { kind: 'permanent'; reason: string; suppress: boolean; endpointGone?: true }
  /** Nothing was sent: too many calls. `ofDomain`: only for addresses of this one's domain. */
  | { kind: 'throttled'; retryAfterMs: number; ofDomain?: true }
  /** It may or may not have been sent: never tried again elsewhere, keeps its cap slot. */
  | { kind: 'unknown'; reason: string }

/** A way to reach people: one file each in `src/action/channels/`. */
export interface Channel {
  send(message: OutgoingMessage): Promise<SendResult>
  close(): Promise<void>
}

/** What a provider's messages may be at most; what is absent has no limit. */
export interface ContentLimits {
  subjectCharactersMax?: number
  textCharactersMax?: number
  /** Of a text message, as its alphabet splits it. */
  smsSegmentsMax?: number
  /** Of all that is transmitted as content, in UTF-8. */
  payloadBytesMax?: number
}

export interface ContentFault {
  code: 'missing_variable' | 'too_large' | 'over_limit' | 'template_error'
  detail: string
  variables: string[]
}

export interface RenderedContent {
  subject: string
  html: string
  text: string
  /** Where a tap leads; '' for nowhere. */
  url: string
  data: JsonObject
}

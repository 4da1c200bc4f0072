import type { ChannelName } from './campaign.ts'
import type { InstantMs } from './clock.ts'
import type { DeliveryPayload } from './delivery.ts'
import type { JsonObject } from './json.ts'

/** What product apps send. */
export type ProductEventKind = 'track' | 'identify' | 'page' | 'screen' | 'group' | 'alias'

/**
 * Every kind a log record may have. `click` and `open` come from our own links and from providers, `delivery`
 * from providers and from mail that came back; `decision` was made at the API for a placement, and `outcome`
 * is what its caller tells of it; `rejected` is an event that failed validation and is kept with its reason,
 * so that nothing is lost silently.
 */
export type EventKind = ProductEventKind | 'click' | 'open' | 'delivery' | 'decision' | 'outcome' | 'rejected'

/** Payload of the product kinds; fields that do not apply are absent. */
export interface ProductEventPayload {
  /** Name of a track event; of a page or screen where given. */
  name?: string
  properties?: JsonObject
  traits?: JsonObject
  context?: JsonObject
  userId?: string
  anonymousId?: string
  previousId?: string
  groupId?: string
  /**
   * Customers whose rows the owner must move into this one: ingest has committed the link before it
   * appended. Present on every identify with both ids and every alias, also when the link is old:
   * moving twice is a no-op, forgetting a move is not.
   */
  mergeFrom?: string[]
  /** Set when the event came by an import or a replay of history: it changes the profile, never triggers. */
  imported?: true
}

/** A click or an open on one of our messages. */
export interface EngagementPayload {
  messageId: string
  url?: string
  userAgent?: string
  /** True where a program did it rather than the reader: kept, earns no reward. */
  suspectedScanner?: true
  /** What gave the program away. */
  machine?: MachineSign
  /** Of a click: whether it is a program's is seen by what else of its message is clicked. */
  held?: true
}

export const machineSigns = [
  'head',
  'prefetch',
  'user-agent',
  'too-soon',
  'all-links',
  'mail-privacy',
  'provider',
] as const
export type MachineSign = (typeof machineSigns)[number]

/** An event that ingest refused. `body` is the original, as received (cut at 64 kB). */
export interface RejectedPayload {
  code: string
  field: string
  detail: string
  body: string
}

/** A decision for a placement, whole: the worker only has to store it. Its `eventId` is its decision's id. */
export interface DecisionPayload {
  placement: string
  /** What was drawn, rank by rank; the last one may be no treatment. */
  ranks: RankPayload[]
  /** Who counts in uplift from here on. */
  enrolments: { campaignId: string; campaignVersion: number; heldOut: boolean; arm: string }[]
  /** Campaigns in which we now see what happens unprompted, with their goals. */
  unprompted: { campaignId: string; goalId: string; windowMs: number }[]
}

export interface RankPayload {
  /** Each rank is a decision of its own: its draw was made from what the ranks above it had left. */
  decisionId: string
  outcome: 'treatment' | 'nothing' | 'held-out' | 'none-eligible' | 'degraded'
  triggerId: string
  propensity: number
  snapshotId: string
  /** Guardrail to the number of candidates that it excluded. */
  excluded: Record<string, number>
  /** The compact record in base64; '' where nothing was drawn, because the answer could not wait. */
  record: string
  /** Of a treatment. */
  chosen?: {
    campaignId: string
    campaignVersion: number
    treatmentId: string
    variantId: string
    channel: ChannelName
    goalId: string
    windowMs: number
    /** Not shown by then, it gives its slot of the frequency caps back. */
    expiresAt: InstantMs
  }
}

export const placementOutcomes = ['exposure', 'click', 'reward', 'accepted', 'declined'] as const

/** What became of a decision at a placement. */
export interface OutcomePayload {
  decisionId: string
  outcome: (typeof placementOutcomes)[number]
  /** Of a reward. */
  valueMicros?: number
  /** Why an operator took the advice or did not. */
  reason?: string
  operator?: string
}

export type EventPayload =
  | ProductEventPayload
  | EngagementPayload
  | DeliveryPayload
  | DecisionPayload
  | OutcomePayload
  | RejectedPayload

/** The envelope of a log record. Readers accept every older `v`. */
export interface LogRecord<P = EventPayload> {
  v: 1
  workspace: string
  eventId: string
  customerId: string
  kind: EventKind
  /** When it happened, by the client's clock corrected for skew. */
  occurredAt: InstantMs
  /** When our door took it, by the wall clock. */
  receivedAt: InstantMs
  payload: P
}

export type CustomerEvent = LogRecord<ProductEventPayload>

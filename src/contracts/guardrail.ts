import type { CampaignSpec, CampaignState, ChannelName, GuardrailRules, Offer, Priority } from './campaign.ts'
import type { InstantMs } from './clock.ts'
import type { Unavailable } from './item.ts'
import type { Consents } from './profile.ts'
import type { WorkspaceSettings } from './workspace.ts'

/** What a guardrail says. `inputs` are the numbers and words it judged by, for the record. */
export type Verdict =
  | { kind: 'allow' }
  | { kind: 'defer'; untilMs: InstantMs; reason: string; inputs: VerdictInputs }
  | { kind: 'suppress'; reason: string; inputs: VerdictInputs }
export type VerdictInputs = Record<string, string | number | boolean>

/** How soon a message that a pause has put off asks again by itself; a campaign that goes on asks for it. */
export const pausedRetryMs = 300_000

export const allow: Verdict = Object.freeze({ kind: 'allow' })

/** A message that holds or may take a slot of a frequency cap. */
export interface ContactSlot {
  messageId: string
  channel: ChannelName
  campaignId: string
  /** At the claim slots that were taken count, and `queued` ones only against lower classes. */
  state: 'queued' | 'sending' | 'sent' | 'unknown'
  /** When the slot was taken (claim), or is due when queued. Injected clock. */
  at: InstantMs
  transactional: boolean
  /** Of what a placement was given and nobody has seen yet: until when it may be shown, and holds its slot. */
  givenUntil?: InstantMs
}

/** All a guardrail may know. The same shape at decision and in the claim transaction. */
export interface GuardrailFacts {
  stage: 'decision' | 'claim'
  now: InstantMs
  workspace: WorkspaceSettings
  settings: GuardrailRules
  customer: CustomerFacts
  campaign: CampaignFacts
  candidate: {
    channel: ChannelName
    costMicros: number
    address: string | null
    offer: Offer
    /** Of a claimed message: the code that it holds. */
    coupon?: Coupon
    /** At the claim of a mail: how far its sender, which is being warmed up, has come today. */
    warmUp?: WarmUpFacts
  }
  /** What offers are about and cannot be had; undefined where all can. */
  stock?: StockFacts | undefined
  /** Transactional messages are exempt from all but suppression and the kill switch. */
  transactional: boolean
  /** Of a message under claim: the list of items that has become shorter than its words demand. */
  shortOf?: string
  /** Of a message under claim: what it is written in. */
  locale?: string
  /** The message under claim, '' at decision: it does not count against itself. */
  messageId: string
}

/** By `stockKey`, what offers are about and cannot be had, and why. */
export type StockFacts = ReadonlyMap<string, { item: string; reason: Unavailable }>

export function stockKey(item: NonNullable<Offer['item']>): string {
  if ('id' in item) return `id:${item.id}`
  return 'category' in item ? `category:${item.category}` : `property:${item.property}`
}

/** A single-use code as a message shows it. */
export interface Coupon {
  code: string
  /** Of its pool. */
  expiresAt: InstantMs
}

export interface WarmUpFacts {
  senderDomain: string
  /** `*`: all that the warm-up does not name. */
  recipientDomain: string
  sentToday: number
  sendsMax: number
  nextDayAt: InstantMs
}

export interface CustomerFacts {
  customerId: string
  /** IANA zone, the workspace's where the customer has none. */
  zone: string
  /** By channel and topic; a missing key means never asked. */
  consents: Consents
  /** Reason of the suppression of the customer's address, by channel. */
  suppressions: Partial<Record<ChannelName, string>>
  contacts: ContactSlot[]
  /** Where a cap is per account: those that the customer belongs to. */
  accounts?: readonly AccountFacts[]
  /** By campaign, the class of its messages; one that is not named is normal. */
  priorities?: Readonly<Record<string, Priority>>
  globalHoldout: boolean
}

export interface AccountFacts {
  accountId: string
  memberIds: readonly string[]
  /** Of all members, the customer included. */
  contacts: ContactSlot[]
}

export interface CampaignFacts {
  campaignId: string
  version: number
  state: CampaignState
  spec: CampaignSpec
  /** Held out of this campaign. */
  heldOut: boolean
  /** Cost of slots taken and, at decision, of messages queued. */
  spentMicros: number
  /** At the claim: the customer converted since the decision. Always false at decision. */
  goalMet: boolean
  /** At the claim: the campaign says something else by now than when the message was decided. */
  changed?: boolean
  /** At the claim: why the journey was left that the message belongs to; '' while it goes on. */
  journeyLeft?: string
}

/**
 * One file each in `src/guardrails/`, exported as `guardrail`. Order-free: all run, all reasons are
 * recorded, and suppress beats defer beats allow.
 */
export interface Guardrail {
  name: string
  check(facts: GuardrailFacts): Verdict
  /**
   * True only where `check` would allow every treatment of the facts' campaign, whatever their candidate:
   * then it is not asked for each. May be left out.
   */
  clears?(facts: GuardrailFacts): boolean
}

/** Every guardrail's verdict on one candidate and the verdict that wins. */
export interface GuardrailOutcome {
  verdict: Verdict
  /** The deciding guardrail, '' when allowed. */
  by: string
  /** The ones that did not allow, in the order of their names. */
  objections: { guardrail: string; verdict: Exclude<Verdict, { kind: 'allow' }> }[]
}

/** The one outcome of everything that is allowed: the common case makes no garbage. */
export const allowed: GuardrailOutcome = Object.freeze({
  verdict: allow,
  by: '',
  objections: Object.freeze([]) as unknown as GuardrailOutcome['objections'],
})

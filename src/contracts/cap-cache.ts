import type { ChannelName } from './campaign.ts'
import type { InstantMs } from './clock.ts'
import type { ContactSlot } from './guardrail.ts'

/** One frequency cap as it stands for a customer now. */
export interface CapRule {
  sendsMax: number
  /** Sends at this instant or later are in the window. */
  since: InstantMs
  /** Only sends in this channel count; default all. */
  channel?: ChannelName
  /** Only sends of this campaign count; default all. */
  campaignId?: string
}

export interface CapQuestion {
  customerId: string
  /** Customers with the same caps should share one array: they are asked about together. */
  rules: readonly CapRule[]
}

/** A send as it is kept: enough to count it, too little to name the message. */
export interface KeptSend {
  at: InstantMs
  channel: ChannelName
  /** `capCampaignKey` of its campaign. */
  campaignKey: string
}

export type CapAnswer =
  /** Nothing is kept of this customer, or nobody answered in time. Says nothing: ask the store. */
  | { kind: 'unknown' }
  /** No cap is full by what is kept. Allows nothing: ask the store. */
  | { kind: 'free' }
  /** These rules (by index) have no free slot; `sends()` are all that are kept, newest first. */
  | { kind: 'full'; rules: readonly number[]; sends(): KeptSend[] }

export interface NewSend {
  customerId: string
  messageId: string
  channel: ChannelName
  campaignId: string
  at: InstantMs
}

/**
 * Early refusal by frequency caps, for several processes. It may only refuse early: the claim transaction
 * decides. No method throws or waits longer than its bound for a service that is down or slow.
 */
export interface CapCache {
  /** One answer per question, in their order. */
  check(workspace: string, questions: readonly CapQuestion[]): Promise<CapAnswer[]>
  /**
   * Loads these customers' slots from the ledger and keeps the marketing sends at `since` or later; one the
   * loader does not name has none. What is noted or taken back meanwhile keeps the loaded list from being
   * kept. Resolves to what was loaded, without waiting for it to be kept.
   */
  rebuild(
    workspace: string,
    customerIds: readonly string[],
    since: InstantMs,
    load: () => Promise<Map<string, ContactSlot[]>>,
  ): Promise<Map<string, ContactSlot[]>>
  /** Claims that were committed. Transactional messages hold no slot: leave them out. */
  note(workspace: string, sends: readonly NewSend[]): Promise<void>
  /** Slots that were given back. */
  takeBack(workspace: string, sends: readonly Pick<NewSend, 'customerId' | 'messageId'>[]): Promise<void>
}

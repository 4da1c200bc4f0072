import type { ChannelName } from '#contracts/campaign.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { ContentFault, RenderedContent } from '#contracts/message.ts'
import type { DecisionExplanation } from '../../decision/explain.ts'

/** What somebody asks to show or say at a placement. */
export interface PlacementRequest {
  placement: string
  /** Ours; else the product's ids; without any the request stands for nobody who is known. */
  customerId?: string
  userId?: string
  anonymousId?: string
  /** Count for this decision, over what the profile has; they are not kept. */
  traits?: JsonObject
  /** Facts of the moment: `property` conditions and templates (`event.properties.…`) may name them. */
  context?: JsonObject
  /** Ranks wanted. */
  count: number
  /** A request that comes again with it gets the first one's answer. */
  idempotencyKey?: string
  /** With what each rank was chosen by. */
  reasons: boolean
}

export interface PlacementAnswer {
  /** Of the first rank; null where no campaign had anything to decide. */
  decisionId: string | null
  customerId: string
  placement: string
  decidedAt: number
  outcome: 'treatment' | 'nothing' | 'held-out' | 'none-eligible' | 'degraded'
  /** Given without a decision, and why. */
  degraded: false | 'timeout' | 'store_unavailable'
  /** An earlier request had the same key: this is what it got. */
  repeated: boolean
  /** By rank; fewer than wanted where "nothing" was drawn or nothing is left. */
  treatments: RankedTreatment[]
  reasons?: DecisionExplanation[]
}

export interface RankedTreatment {
  /** From 1. */
  rank: number
  /** Outcomes are told of this one. */
  decisionId: string
  campaignId: string
  treatmentId: string
  variantId: string
  channel: ChannelName
  offer: { id: string; name: string; facts: JsonObject }
  /** Given what the ranks above had left; null where nothing was drawn. */
  propensity: number | null
  /** Null where the template could not be rendered: `contentFault` says why. */
  content: RenderedContent | null
  contentFault?: ContentFault
}

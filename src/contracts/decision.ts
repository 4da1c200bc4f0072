import type { CampaignSpec, ChannelName } from './campaign.ts'
import type { InstantMs } from './clock.ts'
import type { TailFeatures } from './feature-schema.ts'
import type { GuardrailOutcome } from './guardrail.ts'
import type { Policy, PolicyKind } from './policy.ts'

/**
 * One published version of a workspace's policy. Immutable. A head that is missing is at its prior:
 * weights 0, response probability one half (optimism: it gets tried).
 */
export interface PolicySnapshot {
  snapshotId: string
  sequence: number
  /** 1 + rewards in it; γ = 1000·√t. */
  t: number
  /** Scores in money are divided by this before inverse-gap weighting: fixed per snapshot. */
  boundMicros: number
  featureSchema: string
  /** Head key (`headKey`) to weights over the feature schema's dimensions. */
  heads: ReadonlyMap<string, Float64Array>
  /** Head key to the weights of its tail, where the feature schema has one and something was learned. */
  tails?: ReadonlyMap<string, TailWeights>
  /** Which policy draws; `defaultPolicy` where it is left out, as in snapshots of older releases. */
  policy?: Policy
  /**
   * Head key to the covariance of its weights, the lower triangle row by row, D(D+1)/2 numbers; only where
   * the policy asks for it (Thompson). A head that is missing is at its prior, the identity.
   */
  covariances?: ReadonlyMap<string, Float64Array>
  /** `variantKey` to what was seen of a variant, `variantNumbers`: see `stages.ts`. */
  variants?: ReadonlyMap<string, Float64Array>
  /** `cohortKey` to what was seen of a cohort's hours, `sendTimeNumbers`. */
  sendTimes?: ReadonlyMap<string, Float64Array>
}

/** Weights of hashed features: those that are not 0. */
export interface TailWeights {
  /** Ascending, each once. */
  slots: Uint32Array
  /** Of each slot. */
  weights: Float64Array
}

/** Key of a head: of a treatment, or of `nothing` in a campaign (what happens unprompted). */
export function headKey(campaignId: string, treatmentId: string | 'nothing'): string {
  return `${campaignId}\u0000${treatmentId}`
}

export const nothingHead = 'nothing'

/** A campaign that takes part in a decision. */
export interface DecisionCampaign {
  campaignId: string
  version: number
  spec: CampaignSpec
  heldOut: boolean
  /** Arm of a fixed split, '' without one. */
  arm: string
}

/** A treatment not yet chosen. */
export interface Candidate {
  /** Into `DecisionInput.campaigns`. */
  campaignIndex: number
  /** Into the campaign's `spec.treatments`. */
  treatmentIndex: number
  channel: ChannelName
  /** Probability taken off for the customer's recent contacts; 0 where the workspace asks for none. */
  fatigue: number
  guardrails: GuardrailOutcome
  /** True when every variable its variants require has a value; else the missing ones are listed. */
  missingVariables: string[]
}

export interface DecisionTrigger {
  kind: 'event' | 'segment' | 'timer' | 'request' | 'import'
  triggerId: string
  step: number
}

export interface DecisionInput {
  workspace: string
  decisionId: string
  customerId: string
  trigger: DecisionTrigger
  decidedAt: InstantMs
  featureSchema: string
  features: Float64Array
  /** Hashed features beside them; left out where the feature schema decides by none. */
  tail?: TailFeatures
  snapshot: PolicySnapshot
  campaigns: DecisionCampaign[]
  candidates: readonly Candidate[]
  /**
   * Hours at which the candidate's message may be sent, at least one; asked for the one that was drawn. Null,
   * or left out: now, or when the deferral ends.
   */
  sendSlots?: (candidateIndex: number) => SendSlots | null
}

/** The hour stage: slots that guardrails leave open, and what is known of the customer's own hours. */
export interface SendSlots {
  /** Value of the campaign's cohort trait, '' without one. */
  cohort: string
  /** Events of the customer by hour of the week, in all. */
  activityTotal: number
  slots: SendSlot[]
}

export interface SendSlot {
  dueAt: InstantMs
  /** Local, 0 to 167 from Sunday 00:00. */
  hourOfWeek: number
  /** Events of the customer in this hour of the week. */
  activity: number
}

export type DecisionChoice =
  /** Drawn. `messageDueAt` follows the deferral, if any. */
  | { kind: 'treatment'; candidateIndex: number; variantIndex: number; propensity: number; dueAt: InstantMs }
  /** Drawn: to do nothing was the choice. */
  | { kind: 'nothing'; propensity: number }
  /** No draw: every candidate left was held out. */
  | { kind: 'held-out' }
  /** No draw: guardrails or missing variables left nobody. */
  | { kind: 'none-eligible' }

export interface Decision {
  choice: DecisionChoice
  /** The compact record: replaying it gives these bytes again. */
  record: Uint8Array
}

/** A record decoded for people and for learning. Names come from the campaign versions it names. */
export interface DecodedDecision {
  engineVersion: string
  workspace: string
  decisionId: string
  customerId: string
  trigger: DecisionTrigger
  decidedAt: InstantMs
  featureSchema: string
  features: Float64Array
  /** Empty where there was none. */
  tail: TailFeatures
  snapshotId: string
  t: number
  /** Which policy drew at the treatment stage. A campaign with a fixed split draws by its arms instead. */
  policy: PolicyKind
  /** 0 where the policy has none. */
  gamma: number
  boundMicros: number
  /** Hex of the 64-bit seed. */
  seed: string
  campaigns: {
    campaignId: string
    version: number
    heldOut: boolean
    arm: string
    policy: 'inverse-gap' | 'fixed-split'
  }[]
  candidates: DecodedCandidate[]
  /** Probability of drawing nothing at the treatment stage; 0 when there was no draw. */
  nothingProbability: number
  choice: DecisionChoice
  /** Of the chosen treatment; '' where it has one variant only, and in records of format 1. */
  variantId: string
  /** The hour stage; null where the message was due at once, or when a deferral ended. */
  sendTime: DecodedSendTime | null
}

export interface DecodedSendTime extends SendSlots {
  /** Of each slot. */
  probabilities: number[]
  /** The slot drawn. */
  slotIndex: number
}

export interface DecodedCandidate {
  campaignIndex: number
  treatmentIndex: number
  guardrails: GuardrailOutcome
  missingVariables: string[]
  /** Score factors; NaN where the candidate was excluded before scoring. */
  responseProbability: number
  unpromptedProbability: number
  fatigue: number
  valueMicros: number
  lever: number
  costMicros: number
  /** `max(0, P − fatigue − P₀) × value × lever − cost`, in micros. */
  scoreMicros: number
  /** At the treatment stage. */
  probability: number
  /** Of each variant given the treatment; only for the chosen one. */
  variantProbabilities: number[]
}

import { defaultPolicy, type Policy, type PolicyKind } from '#contracts/policy.ts'
import { policy as fixedSplit } from './policies/fixed-split.ts'
import { policy as greedy } from './policies/greedy.ts'
import { policy as inverseGap } from './policies/inverse-gap.ts'
import { policy as thompson } from './policies/thompson.ts'
import type { ScoreSpread } from './score-spread.ts'

/** What a policy sees of a treatment stage. "Nothing" stands last and is worth 0, known exactly. */
export interface TreatmentDraw {
  /** s, shape (count), in units of the bound. */
  scores: Float64Array
  count: number
  /** 1 + rewards in the snapshot. */
  t: number
  /** How well each score but the last is known; null unless the policy asks for it. */
  spread: ScoreSpread | null
}

/** One file each in `policies/`, named for its kind. Pure: the same draw gives the same probabilities. */
export interface DrawPolicy<K extends PolicyKind = PolicyKind> {
  kind: K
  needsSpread: boolean
  /** What is logged as γ; 0 where there is none. */
  gamma(policy: Extract<Policy, { kind: K }>, t: number): number
  /** Writes p, shape (count): sums to 1, none below floor / count. Nothing changes them before the draw. */
  write(into: Float64Array, draw: TreatmentDraw, policy: Extract<Policy, { kind: K }>): void
}

/** In the order of their codes in the record. */
export const policyKinds: readonly PolicyKind[] = ['inverse-gap', 'thompson', 'greedy', 'fixed-split']

export const drawPolicies: { [K in PolicyKind]: DrawPolicy<K> } = {
  'inverse-gap': inverseGap,
  thompson,
  greedy,
  'fixed-split': fixedSplit,
}

/** The policy's file, typed for whatever kind it is of. */
export function drawPolicyOf(policy: Policy): DrawPolicy {
  return drawPolicies[policy.kind] as DrawPolicy
}

export function policyOf(snapshot: { policy?: Policy }): Policy {
  return snapshot.policy ?? defaultPolicy
}

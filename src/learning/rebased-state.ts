import type { TailWeights } from '#contracts/decision.ts'
import { evidenceOf } from './forgetting.ts'
import type { LearnerHead, LearnerState } from './learner-state.ts'
import { predictiveScale } from './predictive-scale.ts'
import type { SnapshotWeights } from './snapshot-codec.ts'
import type { ManifestHead, SnapshotManifest } from './snapshot-manifest.ts'
import { createSparseTail, type SparseTail, tailOfWeights } from './sparse-tail.ts'
import { discountedCovariance, inheritedRewardsMax } from './widened-covariance.ts'

/** What another version of the policy says of the heads that it knows. */
export interface StateBase extends SnapshotWeights {
  manifest: Pick<SnapshotManifest, 'campaigns' | 'heads' | 'rewards' | 'corrections'>
  /** `own`: an earlier version of this learner's. `other`: trained elsewhere. */
  origin: 'own' | 'other'
}

/**
 * The learner's state after its policy was replaced by another version, so that it goes on from there. Each
 * head takes over the version's weights, and its covariance where it has one (Thompson). Where not, the
 * version does not say how certain it is; of the learner's own evidence remains
 *
 *     Λ = I + a·(Λ − I),   a = rewards in the version / rewards learned (own),  200 / rewards learned (other)
 *
 * for an earlier version knew that much less, and of weights from elsewhere we know no more than of inherited
 * ones. Heads that the version does not have go, unless their campaign is younger than the version: it has
 * nothing to say about those. The cursor stays: what was learned since is not learned again, since it is what
 * the roll-back is meant to undo.
 */
export function rebasedState(state: LearnerState, base: StateBase): LearnerState {
  const known = new Set(base.manifest.campaigns.map(({ campaignId }) => campaignId))
  const heads = new Map<string, LearnerHead>()
  for (const [key, head] of state.heads) {
    const weights = base.heads.get(key)
    if (weights !== undefined) {
      const entry = base.manifest.heads.find(
        (own) => own.campaignId === head.campaignId && own.head === head.head,
      )
      const rebased = rebasedHead(head, weights, entry, state.dimensions, base.origin)
      const covariance = base.covariances?.get(key)?.slice()
      if (covariance !== undefined) rebased.model.covariance = covariance
      // A version holds κ·w (`predictiveWeights`): the learner goes on from w.
      const scale = predictiveScale(rebased.model, state.moments)
      for (let i = 0; i < weights.length; i += 1) rebased.model.weights[i]! /= scale
      // Where it starts from now on, and what forgetting goes back to.
      if (base.origin === 'other') rebased.start = rebased.model.weights.slice()
      rebased.tail = rebasedTail(head, base.tails?.get(key), evidenceShareOf(head, entry, base.origin), scale)
      heads.set(key, rebased)
    } else if (!known.has(head.campaignId)) heads.set(key, head)
  }
  const { rewards, corrections } = base.manifest
  const { variants, sendTimes } = state.stages
  const stages = {
    variants: withYounger(base.variants ?? new Map(), variants, known),
    sendTimes: withYounger(base.sendTimes ?? new Map(), sendTimes, known),
  }
  return { ...state, heads, rewards, corrections, stages }
}

/**
 * Numbers of a version, with those that the latest one has of campaigns which the version does not know.
 * Every key begins with its campaign.
 */
export function withYounger<T>(
  own: ReadonlyMap<string, T>,
  latest: ReadonlyMap<string, T>,
  knownCampaigns: ReadonlySet<string>,
): Map<string, T> {
  const numbers = new Map([...own].map(([key, values]) => [key, structuredClone(values)]))
  for (const [key, values] of latest) {
    if (!knownCampaigns.has(key.split('\u0000', 1)[0]!)) numbers.set(key, values)
  }
  return numbers
}

function rebasedHead(
  head: LearnerHead,
  weights: Float64Array,
  entry: ManifestHead | undefined,
  dimensions: number,
  origin: StateBase['origin'],
): LearnerHead {
  const rewards = entry?.rewards ?? 0
  const covariance = discountedCovariance(
    head.model.covariance,
    dimensions,
    evidenceShareOf(head, entry, origin),
  )
  const { weight: _, ...others } = head
  return {
    ...others,
    ...(entry?.weight === undefined ? {} : { weight: entry.weight }),
    rewards,
    positives: Math.round((entry?.meanReward ?? 0) * rewards),
    inheritedFrom: entry?.inheritedFrom ?? '',
    model: { weights: weights.slice(), covariance: covariance ?? identityTriangle(dimensions) },
  }
}

/** a: of the learner's own evidence, what the version has of it. */
function evidenceShareOf(
  head: LearnerHead,
  entry: ManifestHead | undefined,
  origin: StateBase['origin'],
): number {
  const known = evidenceOf(head)
  const ofVersion = entry?.weight ?? entry?.rewards ?? 0
  return (origin === 'own' ? ofVersion : Math.min(known, inheritedRewardsMax)) / Math.max(1, known)
}

/** The version's weights as far as it has any, κ taken out again; S is discounted as the precision is. */
function rebasedTail(
  { tail }: LearnerHead,
  version: TailWeights | undefined,
  evidenceShare: number,
  scale: number,
): SparseTail {
  if (version === undefined) return createSparseTail()
  const weights = version.weights.map((weight) => weight / scale)
  return tailOfWeights({ slots: version.slots, weights }, tail, evidenceShare)
}

function identityTriangle(dimensions: number): Float64Array {
  const covariance = new Float64Array((dimensions * (dimensions + 1)) / 2)
  for (let i = 0; i < dimensions; i += 1) covariance[(i * (i + 3)) / 2] = 1
  return covariance
}

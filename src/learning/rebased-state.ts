import type { LearnerHead, LearnerState } from './learner-state.ts'
import type { ManifestHead, SnapshotManifest } from './snapshot-manifest.ts'
import { discountedCovariance, inheritedRewardsMax } from './widened-covariance.ts'

/** What another version of the policy says of the heads that it knows. */
export interface StateBase {
  heads: ReadonlyMap<string, Float64Array>
  manifest: Pick<SnapshotManifest, 'campaigns' | 'heads' | 'rewards' | 'corrections'>
  /** `own`: an earlier version of this learner's. `other`: trained elsewhere. */
  origin: 'own' | 'other'
}

/**
 * The learner's state after its policy was replaced by another version, so that it goes on from there. Each
 * head takes over the version's weights. How certain they are the version does not say; of the learner's own
 * evidence remains
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
      heads.set(key, rebasedHead(head, weights, entry, state.dimensions, base.origin))
    } else if (!known.has(head.campaignId)) heads.set(key, head)
  }
  const { rewards, corrections } = base.manifest
  return { ...state, heads, rewards, corrections }
}

function rebasedHead(
  head: LearnerHead,
  weights: Float64Array,
  entry: ManifestHead | undefined,
  dimensions: number,
  origin: StateBase['origin'],
): LearnerHead {
  const rewards = entry?.rewards ?? 0
  const evidence = origin === 'own' ? rewards : Math.min(head.rewards, inheritedRewardsMax)
  const covariance = discountedCovariance(
    head.model.covariance,
    dimensions,
    evidence / Math.max(1, head.rewards),
  )
  return {
    ...head,
    rewards,
    positives: Math.round((entry?.meanReward ?? 0) * rewards),
    inheritedFrom: entry?.inheritedFrom ?? '',
    model: { weights: weights.slice(), covariance: covariance ?? identityTriangle(dimensions) },
  }
}

function identityTriangle(dimensions: number): Float64Array {
  const covariance = new Float64Array((dimensions * (dimensions + 1)) / 2)
  for (let i = 0; i < dimensions; i += 1) covariance[(i * (i + 3)) / 2] = 1
  return covariance
}

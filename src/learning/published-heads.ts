import type { TailWeights } from '#contracts/decision.ts'
import type { Policy } from '#contracts/policy.ts'
import type { LearnerHead, LearnerState } from './learner-state.ts'
import { predictiveScale, predictiveWeights } from './predictive-scale.ts'
import type { ManifestHead } from './snapshot-manifest.ts'
import { isEmptyTail, tailWeights } from './sparse-tail.ts'

/**
 * What a snapshot says of the learner's heads, by head key. Thompson sampling allows for what a head does not
 * know itself: it gets the mean weights and their covariances, every other policy predictive weights. A tail is
 * scaled as its head is: how uncertain it is itself nobody knows.
 */
export function publishedHeads(
  { heads, moments }: LearnerState,
  policy: Policy | undefined,
): {
  heads: Map<string, Float64Array>
  covariances: Map<string, Float64Array>
  tails: Map<string, TailWeights>
  listed: ManifestHead[]
} {
  const isThompson = policy?.kind === 'thompson'
  const all = [...heads]
  return {
    heads: new Map(
      all.map(([key, { model }]) => [key, isThompson ? model.weights : predictiveWeights(model, moments)]),
    ),
    covariances: new Map(isThompson ? all.map(([key, { model }]) => [key, model.covariance] as const) : []),
    tails: new Map(
      all
        .filter(([, { tail }]) => !isEmptyTail(tail))
        .map(([key, { model, tail }]) => [
          key,
          tailWeights(tail, isThompson ? 1 : predictiveScale(model, moments)),
        ]),
    ),
    listed: all.map(([, head]) => listedHead(head)),
  }
}

function listedHead(learned: LearnerHead): ManifestHead {
  const { campaignId, head, rewards, positives, inheritedFrom, weight } = learned
  const meanReward = rewards === 0 ? null : positives / rewards
  return {
    campaignId,
    head,
    rewards,
    meanReward,
    inheritedFrom,
    ...(weight === undefined ? {} : { weight }),
  }
}

/** Of all its rewards, corrections included; null before the first. */
export function meanRewardOf({ heads }: LearnerState): number | null {
  let rewards = 0
  let positives = 0
  for (const head of heads.values()) {
    rewards += head.rewards
    positives += head.positives
  }
  return rewards === 0 ? null : positives / rewards
}

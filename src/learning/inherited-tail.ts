import type { TailWeights } from '#contracts/decision.ts'
import { evidenceOf } from './forgetting.ts'
import type { LearnerHead } from './learner-state.ts'
import { createSparseTail, type SparseTail, tailOfWeights } from './sparse-tail.ts'
import { inheritedRewardsMax } from './widened-covariance.ts'

/** The tail with which an inherited head starts: its donor's weights, with as little certainty as its covariance. */
export function inheritedTail(
  published: TailWeights | undefined,
  donor: Pick<LearnerHead, 'tail' | 'rewards' | 'weight'> | undefined,
): SparseTail {
  if (published === undefined) return createSparseTail()
  return tailOfWeights(
    published,
    donor?.tail,
    inheritedRewardsMax / Math.max(1, donor === undefined ? 0 : evidenceOf(donor)),
  )
}

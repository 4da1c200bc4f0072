import type { RowOf } from '#platform/store/store.ts'
import type { BayesianHeads } from './bayesian-head.ts'
import { addToMoments } from './feature-moments.ts'
import { evidenceOf } from './forgetting.ts'
import type { LearnerHead, LearnerState } from './learner-state.ts'

/**
 * One row of the reward stream: a reward teaches its head y, a correction turns a 0 it was taught into a 1. `weight`
 * is what the observation counts under forgetting.
 */
export function teachReward(
  models: BayesianHeads,
  state: LearnerState,
  head: LearnerHead,
  row: Pick<RowOf<'rewards'>, 'kind' | 'y'>,
  features: Float64Array,
  weight = 1,
): void {
  if (row.kind === 'reward') {
    models.teach(head.model, features, row.y, 0, weight)
    if (head.weight !== undefined || weight !== 1) head.weight = evidenceOf(head) + weight
    addToMoments(state.moments, features)
    state.rewards += 1
    head.rewards += 1
  } else {
    models.correct(head.model, features, weight)
    state.corrections += 1
  }
  head.positives += row.y
}

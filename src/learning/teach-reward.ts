import type { RowOf } from '#platform/store/store.ts'
import type { BayesianHeads } from './bayesian-head.ts'
import { addToMoments } from './feature-moments.ts'
import type { LearnerHead, LearnerState } from './learner-state.ts'

/** One row of the reward stream: a reward teaches its head y, a correction turns a 0 it was taught into a 1. */
export function teachReward(
  models: BayesianHeads,
  state: LearnerState,
  head: LearnerHead,
  row: Pick<RowOf<'rewards'>, 'kind' | 'y'>,
  features: Float64Array,
): void {
  if (row.kind === 'reward') {
    models.teach(head.model, features, row.y)
    addToMoments(state.moments, features)
    state.rewards += 1
    head.rewards += 1
  } else {
    models.correct(head.model, features)
    state.corrections += 1
  }
  head.positives += row.y
}

import { noTail, type TailFeatures } from '#contracts/feature-schema.ts'
import type { RowOf } from '#platform/store/store.ts'
import { type BayesianHeads, responseProbability } from './bayesian-head.ts'
import { addToMoments } from './feature-moments.ts'
import { evidenceOf } from './forgetting.ts'
import type { LearnerHead, LearnerState } from './learner-state.ts'
import { correctTail, tailProduct, teachTail } from './sparse-tail.ts'

/**
 * One row of the reward stream: a reward teaches its head y, a correction turns a 0 it was taught into a 1. Head and
 * tail learn from the same surprise, that of both together before either learned; without hashed features the
 * head learns alone. `weight` is what the observation counts under forgetting.
 */
export function teachReward(
  models: BayesianHeads,
  state: LearnerState,
  head: LearnerHead,
  row: Pick<RowOf<'rewards'>, 'kind' | 'y'>,
  features: Float64Array,
  weight = 1,
  tail: TailFeatures = noTail,
): void {
  const hasTail = tail.slots.length > 0
  const offset = hasTail ? tailProduct(head.tail, tail) : 0
  const p = hasTail ? responseProbability(head.model, features, offset) : 0
  if (row.kind === 'reward') {
    models.teach(head.model, features, row.y, offset, weight)
    if (head.weight !== undefined || weight !== 1) head.weight = evidenceOf(head) + weight
    if (hasTail) teachTail(head.tail, tail, row.y - p, weight)
    addToMoments(state.moments, features)
    state.rewards += 1
    head.rewards += 1
  } else {
    models.correct(head.model, features, weight)
    if (hasTail) correctTail(head.tail, tail, p, weight)
    state.corrections += 1
  }
  head.positives += row.y
}

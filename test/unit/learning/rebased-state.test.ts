import { expect, test } from 'vitest'
import { headKey } from '#contracts/decision.ts'
import { createBayesianHeads } from '../../../src/learning/bayesian-head.ts'
import { addToMoments } from '../../../src/learning/feature-moments.ts'
import { emptyState, type LearnerState } from '../../../src/learning/learner-state.ts'
import { predictiveWeights } from '../../../src/learning/predictive-scale.ts'
import { rebasedState, type StateBase } from '../../../src/learning/rebased-state.ts'
import { createSparseTail } from '../../../src/learning/sparse-tail.ts'
import { discountedCovariance } from '../../../src/learning/widened-covariance.ts'

const models = createBayesianHeads(2)

/** 40 rewards of one head in two dimensions, and one of a campaign that came later. */
function learnedState(): LearnerState {
  const state = emptyState('v1', 2)
  for (const [campaignId, head, rewards] of [
    ['spring', 'shoes/email', 40],
    ['spring', 'boots/email', 10],
    ['summer', 'hats/email', 5],
  ] as const) {
    const model = models.create()
    for (let i = 0; i < rewards; i += 1) models.teach(model, Float64Array.of(1, i % 2), i % 3 === 0 ? 1 : 0)
    state.heads.set(headKey(campaignId, head), {
      campaignId,
      head,
      rewards,
      positives: Math.ceil(rewards / 3),
      inheritedFrom: '',
      model,
      tail: createSparseTail(),
    })
  }
  return { ...state, rewards: 55, corrections: 3 }
}

const entry = { campaignId: 'spring', head: 'shoes/email', rewards: 10, meanReward: 0.4, inheritedFrom: '' }
const base: StateBase = {
  heads: new Map([[headKey('spring', 'shoes/email'), Float64Array.of(0.5, -1)]]),
  manifest: {
    campaigns: [{ campaignId: 'spring', goalId: 'order' }],
    heads: [entry],
    rewards: 10,
    corrections: 1,
  },
  origin: 'own',
}

test('weights and counts of the version, and a quarter of the evidence where it knew a quarter', () => {
  const before = learnedState()
  const state = rebasedState(before, base)
  const head = state.heads.get(headKey('spring', 'shoes/email'))!
  expect([...head.model.weights]).toEqual([0.5, -1])
  expect(head).toMatchObject({ rewards: 10, positives: 4 })
  expect(state).toMatchObject({ rewards: 10, corrections: 1, skipped: before.skipped })
  // Λ = I + ¼(Λ − I), by hand for two dimensions.
  const learned = inverse(before.heads.get(headKey('spring', 'shoes/email'))!.model.covariance)
  const kept = inverse(head.model.covariance)
  expect(kept[0]).toBeCloseTo(1 + (learned[0]! - 1) / 4, 9)
  expect(kept[1]).toBeCloseTo(learned[1]! / 4, 9)
  expect(kept[2]).toBeCloseTo(1 + (learned[2]! - 1) / 4, 9)
})

test('under forgetting the evidence is what is left of it', () => {
  const before = learnedState()
  const known = before.heads.get(headKey('spring', 'shoes/email'))!
  known.weight = 20
  known.start = Float64Array.of(0.25, 0)
  const manifest = { ...base.manifest, heads: [{ ...entry, weight: 5 }] }
  const head = rebasedState(before, { ...base, manifest }).heads.get(headKey('spring', 'shoes/email'))!
  expect(head).toMatchObject({ rewards: 10, weight: 5, start: Float64Array.of(0.25, 0) })
  expect(inverse(head.model.covariance)[0]).toBeCloseTo(1 + (inverse(known.model.covariance)[0]! - 1) / 4, 9)
  // A version from before anything was forgotten knew all of its rewards.
  const old = rebasedState(before, base).heads.get(headKey('spring', 'shoes/email'))!
  expect(old.weight).toBeUndefined()
  expect(inverse(old.model.covariance)[0]).toBeCloseTo(1 + (inverse(known.model.covariance)[0]! - 1) / 2, 9)
})

test('weights from elsewhere are where the head starts from then on', () => {
  const state = rebasedState(learnedState(), { ...base, origin: 'other' })
  const head = state.heads.get(headKey('spring', 'shoes/email'))!
  expect(head.start).toEqual(head.model.weights)
  expect(head.start).not.toBe(head.model.weights)
})

test('weights from elsewhere keep at most 200 rewards of evidence', () => {
  const before = learnedState()
  const known = before.heads.get(headKey('spring', 'shoes/email'))!
  known.rewards = 400
  const state = rebasedState(before, { ...base, origin: 'other' })
  const kept = inverse(state.heads.get(headKey('spring', 'shoes/email'))!.model.covariance)
  expect(kept[0]).toBeCloseTo(1 + (inverse(known.model.covariance)[0]! - 1) / 2, 9)
})

test('heads that the version does not have go; those of campaigns younger than it stay', () => {
  const state = rebasedState(learnedState(), base)
  expect([...state.heads.keys()].sort()).toEqual([
    headKey('spring', 'shoes/email'),
    headKey('summer', 'hats/email'),
  ])
})

test('what the learner publishes next is what the version held, under the uncertainty that is left', () => {
  const before = learnedState()
  for (let i = 0; i < 50; i += 1) addToMoments(before.moments, Float64Array.of(1, i % 2))
  const state = rebasedState(before, base)
  const { model } = state.heads.get(headKey('spring', 'shoes/email'))!
  expect(Math.abs(model.weights[1]!)).toBeGreaterThan(1)
  const published = predictiveWeights(model, state.moments)
  expect(published[0]).toBeCloseTo(0.5, 12)
  expect(published[1]).toBeCloseTo(-1, 12)
})

test('all of the evidence is all of it, and never more', () => {
  const { covariance } = learnedState().heads.get(headKey('spring', 'shoes/email'))!.model
  expect(discountedCovariance(covariance, 2, 3)).toEqual(covariance)
})

/** Of the symmetric matrix [[a, b], [b, c]], stored as a, b, c. */
function inverse([a, b, c]: ArrayLike<number> & Iterable<number>): number[] {
  const determinant = a! * c! - b! * b!
  return [c! / determinant, -b! / determinant, a! / determinant]
}

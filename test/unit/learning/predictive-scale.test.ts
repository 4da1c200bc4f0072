import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { createBayesianHeads } from '../../../src/learning/bayesian-head.ts'
import { addToMoments, createFeatureMoments, meanVariance } from '../../../src/learning/feature-moments.ts'
import { predictiveScale, predictiveWeights } from '../../../src/learning/predictive-scale.ts'
import { sparseFeatures } from './learning-store.ts'

test('the mean of xᵀPx, term by term', () => {
  const random = createSeededRandom(8)
  const heads = createBayesianHeads(64)
  const head = heads.create()
  const moments = createFeatureMoments(64)
  const customers = Array.from({ length: 30 }, () => sparseFeatures(random))
  for (const x of customers) {
    heads.teach(head, x, random.next() < 0.3 ? 1 : 0)
    addToMoments(moments, x)
  }
  let sum = 0
  for (const x of customers) {
    for (let i = 0; i < 64; i += 1) {
      for (let j = 0; j < 64; j += 1) {
        const [high, low] = [Math.max(i, j), Math.min(i, j)]
        sum += x[i]! * x[j]! * head.covariance[(high * (high + 1)) / 2 + low]!
      }
    }
  }
  expect(meanVariance(head.covariance, moments)).toBeCloseTo(sum / 30, 10)
})

test('in one dimension: 1/√(1 + π·v/8), against the integral of σ over the normal', () => {
  const moments = createFeatureMoments(1)
  addToMoments(moments, Float64Array.of(1))
  for (const [z, v] of [
    [-3.9, 0.45],
    [-2, 1],
    [0.5, 2],
  ] as const) {
    const head = { weights: Float64Array.of(z), covariance: Float64Array.of(v) }
    expect(predictiveScale(head, moments)).toBeCloseTo(1 / Math.sqrt(1 + (Math.PI * v) / 8), 12)
    const expected = 1 / (1 + Math.exp(-predictiveWeights(head, moments)[0]!))
    expect(Math.abs(expected - meanOfLogistic(z, v))).toBeLessThan(0.01)
  }
})

test('1 before anybody was seen', () => {
  const head = createBayesianHeads(2).create(Float64Array.of(1, 2))
  expect(predictiveWeights(head, createFeatureMoments(2))).toEqual(Float64Array.of(1, 2))
})

/** E[σ(z)], z ~ N(mean, variance), by the trapezoidal rule over ±8 deviations. */
function meanOfLogistic(mean: number, variance: number): number {
  let sum = 0
  const step = 0.01
  for (let u = -8; u <= 8; u += step) {
    const density = Math.exp((-u * u) / 2) / Math.sqrt(2 * Math.PI)
    sum += (density * step) / (1 + Math.exp(-(mean + u * Math.sqrt(variance))))
  }
  return sum
}

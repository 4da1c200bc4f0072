import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { createBayesianHeads } from '../../../src/learning/bayesian-head.ts'
import { symmetricInverse } from '../../../src/learning/symmetric-inverse.ts'
import { widenedCovariance } from '../../../src/learning/widened-covariance.ts'
import { sparseFeatures } from './learning-store.ts'

test("the Hilbert matrix's inverse", () => {
  const hilbert = Float64Array.of(1, 1 / 2, 1 / 3, 1 / 3, 1 / 4, 1 / 5)
  const inverse = symmetricInverse(hilbert, 3)!
  for (const [i, expected] of [9, -36, 192, 30, -180, 180].entries())
    expect(inverse[i]).toBeCloseTo(expected, 9)
})

test('what is not positive definite has no inverse', () => {
  expect(symmetricInverse(Float64Array.of(1, 2, 1), 2)).toBeNull()
  expect(symmetricInverse(Float64Array.of(Number.NaN), 1)).toBeNull()
})

test('one dimension by hand: precision 1 + 1000·.25 counts as 1 + 200·.25', () => {
  expect(widenedCovariance(Float64Array.of(1 / 251), 1, 1000)![0]).toBeCloseTo(1 / 51, 12)
})

test('no direction is narrower than the donor, and the unseen one is at its prior', () => {
  const random = createSeededRandom(9)
  const heads = createBayesianHeads(64)
  const donor = heads.create()
  for (let i = 0; i < 5000; i += 1) {
    const x = sparseFeatures(random)
    x[63] = 0
    heads.teach(donor, x, random.next() < 0.1 ? 1 : 0)
  }
  const widened = widenedCovariance(donor.covariance, 64, 5000)!
  expect(widened.at(-1)).toBeCloseTo(1, 12)
  // xᵀP_widened·x > xᵀP_donor·x in any direction: their difference has a Cholesky factor once the unseen
  // direction, where they are equal, is lifted.
  const difference = widened.map((value, i) => value - donor.covariance[i]!)
  difference[difference.length - 1] = 1
  expect(symmetricInverse(difference, 64)).not.toBeNull()
  expect(widened[0]! / donor.covariance[0]!).toBeGreaterThan(5)
})

test('a donor with few rewards gives its covariance as it is', () => {
  expect(widenedCovariance(Float64Array.of(0.2), 1, 40)![0]).toBeCloseTo(0.2, 12)
})

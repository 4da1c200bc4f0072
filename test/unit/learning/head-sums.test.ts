import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import {
  type BayesianHead,
  createBayesianHeads,
  responseProbability,
} from '../../../src/learning/bayesian-head.ts'
import {
  addToSums,
  correctSums,
  createHeadSums,
  discountSums,
  type HeadSums,
  mergeSums,
  priorOf,
  solveHead,
  standardPrior,
} from '../../../src/learning/head-sums.ts'
import { sparseFeatures } from './learning-store.ts'

const dimensions = 4
const heads = createBayesianHeads(dimensions)
const feature = fc.oneof(fc.constant(0), fc.double({ min: -3, max: 3, noNaN: true }))
const observation = fc.record({
  x: fc.array(feature, { minLength: dimensions, maxLength: dimensions }).map((x) => Float64Array.from(x)),
  y: fc.constantFrom(0 as const, 1 as const),
  partition: fc.nat(2),
})

test('one observation by hand: ΔΛ = .25·x², Δη = .5·x, so w = .5·2/(1 + .25·4)', () => {
  const sums = createHeadSums(1)
  addToSums(sums, createBayesianHeads(1).create(), Float64Array.of(2), 1)
  expect([...sums.precision, ...sums.eta, sums.weight]).toEqual([1, 1, 1])
  const head = solveHead(standardPrior(1), sums)!
  expect(head.weights[0]).toBeCloseTo(0.5, 12)
  expect(head.covariance[0]).toBeCloseTo(0.5, 12)
})

test('one partition: the sums stand for the head that learned one by one, corrections included', () => {
  fc.assert(
    fc.property(fc.array(observation, { maxLength: 25 }), fc.option(fc.nat(24)), (observations, late) => {
      const head = heads.create(Float64Array.of(0.5, -1, 0, 2))
      const prior = priorOf(head)!
      const sums = createHeadSums(dimensions)
      for (const { x, y } of observations) {
        addToSums(sums, head, x, y)
        heads.teach(head, x, y)
      }
      const corrected = late === null ? undefined : observations[late]
      if (corrected !== undefined) {
        correctSums(sums, corrected.x)
        heads.correct(head, corrected.x)
      }
      expectClose(solveHead(prior, sums)!, head)
    }),
  )
})

test('three partitions merge to the same in any order', () => {
  fc.assert(
    fc.property(fc.array(observation, { maxLength: 25 }), (observations) => {
      const apart = [0, 1, 2].map((partition) => {
        const own = heads.create()
        const sums = createHeadSums(dimensions)
        for (const { x, y } of observations.filter((one) => one.partition === partition)) {
          addToSums(sums, own, x, y)
          heads.teach(own, x, y)
        }
        return sums
      })
      const forward = merged(apart)
      const backward = merged(apart.toReversed())
      expect(forward.weight).toBe(observations.length)
      const prior = standardPrior(dimensions)
      expectClose(solveHead(prior, forward)!, solveHead(prior, backward)!)
    }),
  )
})

describe('forgetting', () => {
  test('what is wholly forgotten leaves the prior', () => {
    const start = heads.create(Float64Array.of(1, 2, 3, 4))
    const sums = createHeadSums(dimensions)
    addToSums(sums, start, Float64Array.of(1, 0, 2, 0), 1)
    discountSums(sums, 0)
    expectClose(solveHead(priorOf(start)!, sums)!, start)
  })

  test('a discounted observation and its correction stay in proportion', () => {
    const x = Float64Array.of(1, 0, 2, 0)
    const [late, atOnce] = [createHeadSums(dimensions), createHeadSums(dimensions)]
    addToSums(atOnce, heads.create(), x, 1)
    discountSums(atOnce, 0.9)
    addToSums(late, heads.create(), x, 0)
    discountSums(late, 0.9)
    correctSums(late, x, 0.9)
    const prior = standardPrior(dimensions)
    expectClose(solveHead(prior, late)!, solveHead(prior, atOnce)!)
  })

  test('after what customers want has turned over, it beats never forgetting; before, it costs little', () => {
    const kept = drift(1)
    const forgotten = drift(0.9995)
    expect(forgotten.after).toBeLessThan(kept.after * 0.9)
    expect(forgotten.before).toBeLessThan(kept.before * 1.02)
  })

  test('a share that is none is refused', () => {
    expect(() => discountSums(createHeadSums(1), 1.1)).toThrow(RangeError)
  })
})

/** Log loss over the last 3,000 of 10,000 observations before the weights change their sign, and after. */
function drift(keep: number): { before: number; after: number } {
  const random = createSeededRandom(21)
  const models = createBayesianHeads(64)
  const truth = {
    weights: Float64Array.from({ length: 64 }, () => random.next() * 2 - 1),
    covariance: new Float64Array(),
  }
  const prior = standardPrior(64)
  const sums = createHeadSums(64)
  let head = models.create()
  const losses: number[] = []
  const mergeEvery = 200
  for (let i = 0; i < 20_000; i += 1) {
    if (i === 10_000) truth.weights = truth.weights.map((weight) => -weight)
    const x = sparseFeatures(random)
    const y = random.next() < responseProbability(truth, x) ? 1 : 0
    const p = responseProbability(head, x)
    losses.push(-Math.log(y === 1 ? p : 1 - p))
    addToSums(sums, head, x, y)
    models.teach(head, x, y)
    if (i % mergeEvery !== mergeEvery - 1) continue
    discountSums(sums, keep ** mergeEvery)
    head = solveHead(prior, sums)!
  }
  return { before: mean(losses.slice(7_000, 10_000)), after: mean(losses.slice(17_000)) }
}

function merged(parts: HeadSums[]): HeadSums {
  const all = createHeadSums(dimensions)
  for (const part of parts) mergeSums(all, part)
  return all
}

function expectClose(actual: BayesianHead, expected: BayesianHead): void {
  for (const [i, weight] of expected.weights.entries()) expect(actual.weights[i]).toBeCloseTo(weight, 8)
  for (const [at, value] of expected.covariance.entries()) expect(actual.covariance[at]).toBeCloseTo(value, 8)
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

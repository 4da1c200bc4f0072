import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { createBayesianHeads, responseProbability } from '../../../src/learning/bayesian-head.ts'
import { sparseFeatures } from './learning-store.ts'

test('two observations in one dimension, by hand', () => {
  const heads = createBayesianHeads(1)
  const head = heads.create()
  // p = .5, h = .25: P = 1/(1+.25) = .8, w = .8·.5 = .4
  heads.teach(head, Float64Array.of(1), 1)
  expect(head.covariance[0]).toBeCloseTo(0.8, 12)
  expect(head.weights[0]).toBeCloseTo(0.4, 12)
  // p = σ(.4) = .5986877, h = .2402607: P = 1/1.4902607, w = .4 − .5986877/1.4902607
  heads.teach(head, Float64Array.of(1), 0)
  expect(head.covariance[0]).toBeCloseTo(0.6710235, 7)
  expect(head.weights[0]).toBeCloseTo(-0.0017335, 7)
})

test('the curvature is floored at .05', () => {
  const heads = createBayesianHeads(1)
  const head = heads.create(Float64Array.of(-10))
  heads.teach(head, Float64Array.of(1), 0)
  expect(head.covariance[0]).toBeCloseTo(1 / 1.05, 12)
})

const dimensions = 5
const feature = fc.oneof(fc.constant(0), fc.double({ min: -3, max: 3, noNaN: true }))
const observation = fc.record({
  x: fc.array(feature, { minLength: dimensions, maxLength: dimensions }),
  y: fc.constantFrom(0 as const, 1 as const),
  correctedAfter: fc.option(fc.nat(20)),
})

describe('against the sums Λ and η, solved by elimination', () => {
  test('the updates are Λ ← Λ + h·xxᵀ, η ← η + x(h·z + y − p)', () => {
    fc.assert(
      fc.property(fc.array(observation, { minLength: 1, maxLength: 25 }), (observations) => {
        const heads = createBayesianHeads(dimensions)
        const head = heads.create()
        const sums = createSums()
        for (const { x, y } of observations) {
          heads.teach(head, Float64Array.from(x), y)
          sums.add(x, y)
        }
        expectClose(head.weights, sums.weights())
        expectClose(covarianceColumns(head.covariance), sums.covarianceColumns())
      }),
    )
  })

  test('a correction adds x to η whenever it comes', () => {
    fc.assert(
      fc.property(fc.array(observation, { minLength: 1, maxLength: 25 }), (observations) => {
        const heads = createBayesianHeads(dimensions)
        const head = heads.create()
        const sums = createSums()
        for (const [index, { x, y }] of observations.entries()) {
          heads.teach(head, Float64Array.from(x), y)
          sums.add(x, y)
          for (const [earlier, other] of observations.slice(0, index + 1).entries()) {
            if (other.y === 1 || other.correctedAfter === null || earlier + other.correctedAfter !== index)
              continue
            heads.correct(head, Float64Array.from(other.x))
            sums.correct(other.x)
          }
        }
        expectClose(head.weights, sums.weights())
        expectClose(covarianceColumns(head.covariance), sums.covarianceColumns())
      }),
    )
  })
})

test('corrected at once, a 0 is the 1 that it should have been', () => {
  const heads = createBayesianHeads(64)
  const [right, corrected] = [heads.create(), heads.create()]
  const random = createSeededRandom(3)
  for (let i = 0; i < 50; i += 1) {
    const x = sparseFeatures(random)
    heads.teach(right, x, 1)
    heads.teach(corrected, x, 0)
    heads.correct(corrected, x)
  }
  expectClose(corrected.weights, [...right.weights])
})

test('recovers planted weights: log-loss within 1 % of the oracle, and calibrated', () => {
  const random = createSeededRandom(11)
  const planted = Float64Array.from({ length: 64 }, () => random.next() * 2 - 1)
  planted[0] = -1.5
  const truth = { weights: planted, covariance: new Float64Array() }
  const heads = createBayesianHeads(64)
  const head = heads.create()
  for (let i = 0; i < 20_000; i += 1) {
    const x = sparseFeatures(random)
    heads.teach(head, x, random.next() < responseProbability(truth, x) ? 1 : 0)
  }
  let [own, oracle, constant, predicted, happened] = [0, 0, 0, 0, 0]
  for (let i = 0; i < 5000; i += 1) {
    const x = sparseFeatures(random)
    const y = random.next() < responseProbability(truth, x) ? 1 : 0
    own += logLoss(responseProbability(head, x), y)
    oracle += logLoss(responseProbability(truth, x), y)
    constant += logLoss(0.22, y)
    predicted += responseProbability(head, x)
    happened += y
  }
  expect(constant / oracle).toBeGreaterThan(1.1)
  expect(own / oracle).toBeLessThan(1.01)
  expect(Math.abs(predicted - happened) / 5000).toBeLessThan(0.02)
})

test('after many observations P is still positive and the unseen direction at its prior', () => {
  const random = createSeededRandom(5)
  const heads = createBayesianHeads(64)
  const head = heads.create()
  for (let i = 0; i < 50_000; i += 1) {
    const x = sparseFeatures(random)
    x[63] = 0
    heads.teach(head, x, random.next() < 0.02 ? 1 : 0)
  }
  for (let i = 0; i < 63; i += 1) {
    expect(head.covariance[(i * (i + 3)) / 2]).toBeGreaterThan(0)
    expect(head.covariance[(i * (i + 3)) / 2]).toBeLessThan(0.01)
  }
  expect(head.covariance.at(-1)).toBe(1)
  expect(head.weights[63]).toBe(0)
})

/** The natural parameters, kept and solved in the plainest way. */
function createSums() {
  const precision = identity()
  const eta = new Array<number>(dimensions).fill(0)
  const weights = (): number[] => solve(precision, eta)
  return {
    weights,
    covarianceColumns: () => identity().map((unit) => solve(precision, unit)),
    add(x: number[], y: number) {
      const z = weights().reduce((sum, w, i) => sum + w * x[i]!, 0)
      const p = 1 / (1 + Math.exp(-z))
      const h = Math.max(p * (1 - p), 0.05)
      for (let i = 0; i < dimensions; i += 1) {
        for (let j = 0; j < dimensions; j += 1) precision[i]![j]! += h * x[i]! * x[j]!
        eta[i]! += x[i]! * (h * z + y - p)
      }
    },
    correct(x: number[]) {
      for (let i = 0; i < dimensions; i += 1) eta[i]! += x[i]!
    },
  }
}

function identity(): number[][] {
  return Array.from({ length: dimensions }, (_, i) =>
    Array.from({ length: dimensions }, (_, j) => Number(i === j)),
  )
}

function solve(matrix: number[][], right: number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  for (let i = 0; i < dimensions; i += 1) {
    for (let other = 0; other < dimensions; other += 1) {
      if (other === i) continue
      const factor = rows[other]![i]! / rows[i]![i]!
      for (let k = i; k <= dimensions; k += 1) rows[other]![k]! -= factor * rows[i]![k]!
    }
  }
  return rows.map((row, i) => row[dimensions]! / row[i]!)
}

function covarianceColumns(triangle: Float64Array): number[][] {
  return identity().map((row, i) =>
    row.map((_, j) => triangle[(Math.max(i, j) * (Math.max(i, j) + 1)) / 2 + Math.min(i, j)]!),
  )
}

function expectClose(actual: Float64Array | number[][], expected: number[] | number[][]): void {
  const [left, right] = [[...actual].flat(), [...expected].flat()]
  expect(left.length).toBe(right.length)
  for (const [i, value] of left.entries()) expect(value).toBeCloseTo(right[i]!, 8)
}

function logLoss(p: number, y: number): number {
  return -Math.log(y === 1 ? p : 1 - p)
}

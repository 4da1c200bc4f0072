import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import {
  createSparseTail,
  type SparseFeatures,
  tailProduct,
  teachTail,
} from '../../../src/learning/sparse-tail.ts'

const one = (slot: number, value = 1): SparseFeatures => ({
  slots: Int32Array.of(slot),
  values: Float64Array.of(value),
  from: 0,
  to: 1,
})

test('two steps by hand', () => {
  const tail = createSparseTail(4)
  // g = −.5, s = 1.25, w = .3·.5/√1.25
  teachTail(tail, one(2), 0.5)
  expect(tail.weights[2]).toBeCloseTo(0.1341641, 7)
  // s = 1.25 + .36, w += .3·.6/√1.61
  teachTail(tail, one(2), 0.6)
  expect(tail.weights[2]).toBeCloseTo(0.1341641 + 0.1418598, 6)
})

const features = fc.uniqueArray(fc.tuple(fc.nat(31), fc.double({ min: -3, max: 3, noNaN: true })), {
  selector: ([slot]) => slot,
  maxLength: 8,
})
const taught = fc.array(fc.record({ features, surprise: fc.double({ min: -1, max: 1, noNaN: true }) }), {
  maxLength: 40,
})

test('a step moves the product the way of the surprise, and only slots that are present', () => {
  fc.assert(
    fc.property(taught, (steps) => {
      const tail = createSparseTail(32)
      for (const step of steps) {
        const before = tail.weights.slice()
        const given = layOut(step.features)
        const product = tailProduct(tail, given)
        teachTail(tail, given, step.surprise)
        expect((tailProduct(tail, given) - product) * step.surprise).toBeGreaterThanOrEqual(-1e-12)
        const present = new Set(step.features.map(([slot]) => slot))
        for (const [slot, weight] of before.entries()) {
          if (!present.has(slot)) expect(tail.weights[slot]).toBe(weight)
        }
        // |α·g/√s| < α whatever the value.
        for (const [slot, weight] of tail.weights.entries()) {
          expect(Math.abs(weight - before[slot]!)).toBeLessThan(0.3)
        }
      }
    }),
  )
})

test('learns planted weights of 40 rare features', () => {
  const random = createSeededRandom(4)
  const planted = Float64Array.from({ length: 40 }, () => random.next() * 4 - 2)
  const tail = createSparseTail(64)
  for (let i = 0; i < 100_000; i += 1) {
    const slot = Math.floor(random.next() * 40)
    const y = random.next() < logistic(planted[slot]!) ? 1 : 0
    teachTail(tail, one(slot), y - logistic(tailProduct(tail, one(slot))))
  }
  let apart = 0
  for (const [slot, weight] of planted.entries()) apart += Math.abs(tail.weights[slot]! - weight) / 40
  expect(apart).toBeLessThan(0.1)
})

function layOut(pairs: [number, number][]): SparseFeatures {
  return {
    slots: Int32Array.from(pairs, ([slot]) => slot),
    values: Float64Array.from(pairs, ([, value]) => value),
    from: 0,
    to: pairs.length,
  }
}

function logistic(z: number): number {
  return 1 / (1 + Math.exp(-z))
}

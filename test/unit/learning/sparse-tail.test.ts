import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import {
  correctTail,
  createSparseTail,
  fadeTail,
  keptSlotsMax,
  mergeTail,
  publishedSlotsMax,
  type SparseTail,
  tailOfWeights,
  tailProduct,
  tailWeights,
  teachTail,
} from '../../../src/learning/sparse-tail.ts'

type Pairs = [slot: number, value: number][]

const one = (slot: number, value = 1) => layOut([[slot, value]])
const weightOf = (tail: SparseTail, slot: number): number => tailProduct(tail, one(slot))

test('two rewards and a late conversion by hand', () => {
  const tail = createSparseTail()
  // G = .5, S = .25, w = .5/2.25
  teachTail(tail, one(2), 0.5)
  expect(weightOf(tail, 2)).toBeCloseTo(0.2222222, 7)
  // x = 2: G = .5 + 2·(−.2) = .1, S = .25 + .16, w = .1/2.41
  teachTail(tail, one(2, 2), -0.2)
  expect(weightOf(tail, 2)).toBeCloseTo(0.0414938, 7)
  // x = 2, p = .25: G = .1 + 2, S = .41 + 4·(.75² − .25²) = 2.41, w = 2.1/4.41
  correctTail(tail, one(2, 2), 0.25)
  expect(weightOf(tail, 2)).toBeCloseTo(0.4761905, 7)
  expect(weightOf(tail, 3)).toBe(0)
})

const features = fc.uniqueArray(fc.tuple(fc.nat(31), fc.double({ min: -3, max: 3, noNaN: true })), {
  selector: ([slot]) => slot,
  maxLength: 8,
})
const taught = fc.array(fc.record({ features, surprise: fc.double({ min: -1, max: 1, noNaN: true }) }), {
  maxLength: 40,
})

test('only slots that are present move, and a first surprise moves the product its way', () => {
  fc.assert(
    fc.property(taught, (steps) => {
      const tail = createSparseTail()
      for (const step of steps) {
        const before = Array.from({ length: 32 }, (_, slot) => weightOf(tail, slot))
        const given = layOut(step.features)
        const isFirst = tail.places.size === 0
        teachTail(tail, given, step.surprise)
        if (isFirst) expect(tailProduct(tail, given) * step.surprise).toBeGreaterThanOrEqual(0)
        const present = new Set(step.features.map(([slot]) => slot))
        for (const [slot, weight] of before.entries()) {
          if (!present.has(slot)) expect(weightOf(tail, slot)).toBe(weight)
        }
      }
    }),
  )
})

test('shards merge to the sums of their gradients and squares, in any order', () => {
  const shards = fc.array(taught, { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(taught, shards, (before, parts) => {
      const base = createSparseTail()
      for (const step of before) teachTail(base, layOut(step.features), step.surprise)
      const deltas = parts.map((steps) => {
        const delta = createSparseTail()
        for (const step of steps) teachTail(delta, layOut(step.features), step.surprise)
        return delta
      })
      const merged = tailOf(base)
      for (const delta of deltas) mergeTail(merged, delta)
      const backwards = tailOf(base)
      for (const delta of deltas.toReversed()) mergeTail(backwards, delta)
      for (let slot = 0; slot < 32; slot += 1) {
        // w = (G₀ + ΣG) / (2 + S₀ + ΣS), each sum from the rewards themselves.
        let gradient = 0
        let square = 0
        for (const step of [...before, ...parts.flat()]) {
          const x = step.features.find(([own]) => own === slot)?.[1] ?? 0
          gradient += step.surprise * x
          square += (step.surprise * x) ** 2
        }
        expect(weightOf(merged, slot)).toBeCloseTo(gradient / (2 + square), 9)
        expect(weightOf(backwards, slot)).toBeCloseTo(weightOf(merged, slot), 9)
      }
    }),
  )
})

test('published are the greatest, in single precision; a tail begun from them weighs the same', () => {
  const tail = createSparseTail()
  for (let slot = 0; slot < publishedSlotsMax + 100; slot += 1) {
    teachTail(tail, one(3 * slot), slot % 2 === 0 ? 0.5 : -0.001 - slot * 1e-6)
  }
  const published = tailWeights(tail, 0.9)
  expect(published.slots).toHaveLength(publishedSlotsMax)
  expect([...published.slots]).toEqual([...published.slots].sort((a, b) => a - b))
  const even = published.slots.filter((slot) => slot % 6 === 0)
  expect(even).toHaveLength((publishedSlotsMax + 100) / 2)
  expect(published.weights[0]).toBe(Math.fround(0.9 * (0.5 / 2.25)))
  const again = tailOfWeights(published, tail, 0.25)
  expect(weightOf(again, 6)).toBeCloseTo(published.weights[published.slots.indexOf(6)]!, 12)
  // A quarter of the evidence: the same surprise moves it further than it would have moved the first.
  expect(again.squares[again.places.get(6)!]).toBeCloseTo(0.25 / 4, 12)
})

test('faded by days, an observation counts as its weight, and what nobody shows goes back to 0', () => {
  fc.assert(
    fc.property(taught, taught, fc.double({ min: 0, max: 1, noNaN: true }), (before, after, share) => {
      const faded = createSparseTail()
      for (const step of before) teachTail(faded, layOut(step.features), step.surprise)
      fadeTail(faded, share)
      const weighed = createSparseTail()
      for (const step of before) teachTail(weighed, layOut(step.features), step.surprise, share)
      for (const tail of [faded, weighed]) {
        for (const step of after) teachTail(tail, layOut(step.features), step.surprise)
      }
      for (let slot = 0; slot < 32; slot += 1) {
        expect(weightOf(faded, slot)).toBeCloseTo(weightOf(weighed, slot), 9)
      }
    }),
  )
})

test('of too many slots those seen least are forgotten, in whatever order they came', () => {
  const slots = Array.from({ length: keptSlotsMax }, (_, i) => i)
  const made = [slots, slots.toReversed()].map((order) => {
    const tail = createSparseTail()
    for (const slot of order) teachTail(tail, one(slot), slot % 4 === 0 ? 0.1 : 0.2)
    teachTail(tail, one(60_000), 0.3)
    return tail
  })
  for (const tail of made) {
    expect(tail.places.size).toBe((keptSlotsMax * 3) / 4 + 1)
    for (const slot of slots) expect(tail.places.has(slot)).toBe(slot % 4 !== 0)
    expect(weightOf(tail, 3)).toBeCloseTo(0.2 / 2.04, 12)
    expect(weightOf(tail, 60_000)).toBeCloseTo(0.3 / 2.09, 12)
  }
})

test('finds the one of 21 features that matters, of 500 values each seen rarely', () => {
  const random = createSeededRandom(4)
  const planted = Float64Array.from({ length: 500 }, () => (random.next() < 0.5 ? 1 : -1))
  const tail = createSparseTail()
  for (let i = 0; i < 40_000; i += 1) {
    const value = Math.floor(random.next() * 500)
    const noise = Array.from({ length: 20 }, (_, j): [number, number] => [
      1_000 + 50 * j + Math.floor(random.next() * (j % 2 === 0 ? 2 : 50)),
      1,
    ])
    const given = layOut([[value, 1], ...noise])
    const y = random.next() < logistic(planted[value]!) ? 1 : 0
    teachTail(tail, given, y - logistic(tailProduct(tail, given)))
  }
  const right = planted.filter((own, value) => own * weightOf(tail, value) > 0)
  expect(right.length / 500).toBeGreaterThan(0.97)
})

test('two features in one slot share a weight, and the others are learned as without them', () => {
  const random = createSeededRandom(9)
  // Slot 0 holds two features that say opposite things; 1 and 2 have one each.
  const planted = [
    [0, 1],
    [0, -1],
    [1, 1],
    [2, -1],
  ] as const
  const tail = createSparseTail()
  for (let i = 0; i < 8_000; i += 1) {
    const [slot, effect] = planted[Math.floor(random.next() * planted.length)]!
    const y = random.next() < logistic(effect) ? 1 : 0
    teachTail(tail, one(slot), y - logistic(weightOf(tail, slot)))
  }
  expect(Math.abs(weightOf(tail, 0))).toBeLessThan(0.15)
  expect(weightOf(tail, 1)).toBeGreaterThan(0.4)
  expect(weightOf(tail, 2)).toBeLessThan(-0.4)
})

function tailOf({ places, gradients, squares }: SparseTail): SparseTail {
  return { places: new Map(places), gradients: gradients.slice(), squares: squares.slice() }
}

function layOut(pairs: Pairs) {
  return {
    slots: Uint32Array.from(pairs, ([slot]) => slot),
    values: Float64Array.from(pairs, ([, value]) => value),
  }
}

function logistic(z: number): number {
  return 1 / (1 + Math.exp(-z))
}

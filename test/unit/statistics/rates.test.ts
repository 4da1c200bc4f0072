import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { differenceInRates } from '#statistics/difference-in-rates.ts'
import { newcombeInterval } from '#statistics/newcombe-interval.ts'
import { wilsonInterval } from '#statistics/wilson-interval.ts'
import { HILLSTROM } from './hillstrom.ts'

describe('Wilson interval', () => {
  test.each([
    [81, 263, 0.2552885, 0.3662096],
    [15, 148, 0.0623864, 0.1604872],
    [0, 20, 0, 0.1611252],
    [1, 29, 0.0061132, 0.1717552],
  ])('%i of %i is as Newcombe 1998 prints it', (conversions, n, lower, upper) => {
    const interval = wilsonInterval({ n, conversions })
    expect(interval.lower).toBeCloseTo(lower, 7)
    expect(interval.upper).toBeCloseTo(upper, 7)
  })

  test('touches 0 and 1 exactly at the ends, and knows nothing of an empty arm', () => {
    for (let n = 1; n <= 500; n++) {
      expect(wilsonInterval({ n, conversions: 0 }).lower).toBe(0)
      expect(wilsonInterval({ n, conversions: n }).upper).toBe(1)
    }
    expect(wilsonInterval({ n: 0, conversions: 0 })).toEqual({ lower: 0, upper: 1 })
  })

  test('impossible counts are a fault of the caller', () => {
    for (const [n, conversions] of [
      [3, 4],
      [3, -1],
      [2.5, 1],
      [Number.NaN, 0],
    ] as const) {
      expect(() => wilsonInterval({ n, conversions })).toThrow(RangeError)
    }
  })
})

describe('difference in rates', () => {
  test('56/70 against 48/80 is as Newcombe 1998 prints it', () => {
    const interval = newcombeInterval({ n: 70, conversions: 56 }, { n: 80, conversions: 48 })
    expect(interval?.lower).toBeCloseTo(0.0524315, 7)
    expect(interval?.upper).toBeCloseTo(0.3338727, 7)
  })

  test.each([
    ['mens', 'visit', 0.0765896, 0.0699533, 0.0832267, 22.486],
    ['mens', 'conversion', 0.006805, 0.0050143, 0.0086407, 7.3851],
    ['womens', 'visit', 0.0452331, 0.0388941, 0.0515743, 13.9492],
    ['womens', 'conversion', 0.0031111, 0.0015017, 0.0047455, 3.7796],
  ] as const)('Hillstrom %s against none, %s', (arm, outcome, estimate, lower, upper, z) => {
    const difference = differenceInRates(HILLSTROM[arm][outcome], HILLSTROM.none[outcome])
    expect(difference?.estimate).toBeCloseTo(estimate, 7)
    expect(difference?.interval.lower).toBeCloseTo(lower, 7)
    expect(difference?.interval.upper).toBeCloseTo(upper, 7)
    expect(difference?.statistic).toBeCloseTo(z, 4)
  })

  test('Hillstrom womens conversion has p .000157', () => {
    expect(differenceInRates(HILLSTROM.womens.conversion, HILLSTROM.none.conversion)?.p).toBeCloseTo(
      0.000157,
      6,
    )
  })

  test('nothing is said of an empty arm, and arms of all or none are alike', () => {
    expect(differenceInRates({ n: 0, conversions: 0 }, { n: 5, conversions: 1 })).toBeNull()
    expect(differenceInRates({ n: 5, conversions: 1 }, { n: 0, conversions: 0 })).toBeNull()
    expect(differenceInRates({ n: 9, conversions: 9 }, { n: 5, conversions: 5 })).toMatchObject({
      estimate: 0,
      statistic: 0,
      p: 1,
    })
  })

  test('swapping the arms mirrors everything; the interval stays in [-1, 1] around the estimate', () => {
    const arm = fc
      .integer({ min: 1, max: 100_000 })
      .chain((n) => fc.record({ n: fc.constant(n), conversions: fc.integer({ min: 0, max: n }) }))
    fc.assert(
      fc.property(arm, arm, (a, b) => {
        const forth = differenceInRates(a, b)
        const back = differenceInRates(b, a)
        if (forth === null || back === null) throw new Error('both arms have customers')
        expect(forth.estimate).toBeCloseTo(-back.estimate, 12)
        expect(forth.interval.lower).toBeCloseTo(-back.interval.upper, 12)
        expect(forth.statistic).toBeCloseTo(-back.statistic, 9)
        expect(forth.interval.lower).toBeGreaterThanOrEqual(-1 - 1e-12)
        expect(forth.interval.upper).toBeLessThanOrEqual(1 + 1e-12)
        expect(forth.interval.lower).toBeLessThanOrEqual(forth.estimate)
        expect(forth.interval.upper).toBeGreaterThanOrEqual(forth.estimate)
      }),
      { seed: 1 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { momentsFromIntegers, momentsFromRate, momentsFromSums } from '#statistics/mean-moments.ts'
import { relativeLift } from '#statistics/relative-lift.ts'
import { welch } from '#statistics/welch.ts'
import { GROWTHBOOK } from './growthbook.ts'
import { HILLSTROM } from './hillstrom.ts'

const MICROS = 1_000_000
const control = momentsFromSums(GROWTHBOOK.control)
const treated = momentsFromSums(GROWTHBOOK.treated)

describe('Welch', () => {
  test("GrowthBook's absolute difference", () => {
    const difference = welch(treated, control)
    expect(difference?.estimate).toBeCloseTo(0.29, 5)
    expect(difference?.interval.lower).toBeCloseTo(0.04538, 5)
    expect(difference?.interval.upper).toBeCloseTo(0.53462, 5)
    expect(difference?.standardError).toBeCloseTo(0.12478, 5)
    expect(difference?.p).toBeCloseTo(0.02016, 5)
  })

  test.each([
    ['mens', 0.769827, 0.4851397, 1.0545146, 5.30014, 36671.158],
    ['womens', 0.424412, 0.1689568, 0.6798676, 3.25637, 40064.884],
  ] as const)('Hillstrom %s against none, spend', (arm, estimate, lower, upper, t, degreesOfFreedom) => {
    const difference = welch(spend(arm), spend('none'))
    expect(difference?.estimate).toBeCloseTo(estimate, 6)
    expect(difference?.interval.lower).toBeCloseTo(lower, 7)
    expect(difference?.interval.upper).toBeCloseTo(upper, 7)
    expect(difference?.statistic).toBeCloseTo(t, 5)
    expect(difference?.degreesOfFreedom).toBeCloseTo(degreesOfFreedom, 3)
  })

  test('Hillstrom p-values of spend', () => {
    expect((welch(spend('mens'), spend('none'))?.p ?? 1) / 1.16381e-7).toBeCloseTo(1, 5)
    expect(welch(spend('womens'), spend('none'))?.p).toBeCloseTo(0.0011294, 7)
  })

  test('says nothing where nothing follows', () => {
    const one = momentsFromSums({ n: 1, sum: 3, sumOfSquares: 9 })
    const alike = momentsFromSums({ n: 4, sum: 8, sumOfSquares: 16 })
    const none = momentsFromSums({ n: 0, sum: 0, sumOfSquares: 0 })
    expect(welch(one, treated)).toBeNull()
    expect(welch(treated, none)).toBeNull()
    expect(welch(alike, alike)).toBeNull()
    expect(welch(alike, treated)).not.toBeNull()
  })
})

describe('relative lift', () => {
  test("GrowthBook's relative difference of means", () => {
    const lift = relativeLift(treated, control)
    expect(lift?.estimate).toBeCloseTo(0.70732, 5)
    expect(lift?.interval.lower).toBeCloseTo(-0.03526, 5)
    expect(lift?.interval.upper).toBeCloseTo(1.44989, 5)
    expect(lift?.standardError).toBeCloseTo(0.37879, 5)
    expect(lift?.p).toBeCloseTo(0.06191, 5)
  })

  test("GrowthBook's relative difference of proportions", () => {
    const lift = relativeLift(
      momentsFromRate({ n: 30, conversions: 16 }),
      momentsFromRate({ n: 28, conversions: 14 }),
    )
    expect(lift?.estimate).toBeCloseTo(0.06667, 5)
    expect(lift?.interval.lower).toBeCloseTo(-0.47767, 5)
    expect(lift?.interval.upper).toBeCloseTo(0.61101, 5)
    expect(lift?.standardError).toBeCloseTo(0.2717, 5)
    expect(lift?.p).toBeCloseTo(0.80707, 5)
  })

  test.each([
    ['visit', 0.7214],
    ['conversion', 1.1884],
  ] as const)('Hillstrom mens against none, %s', (outcome, lift) => {
    const mens = momentsFromRate(HILLSTROM.mens[outcome])
    const none = momentsFromRate(HILLSTROM.none[outcome])
    expect(relativeLift(mens, none)?.estimate).toBeCloseTo(lift, 4)
  })

  test('has no meaning on a control mean of nothing or less', () => {
    expect(relativeLift(treated, { n: 50, mean: 0, variance: 1 })).toBeNull()
    expect(relativeLift(treated, { n: 50, mean: -2, variance: 1 })).toBeNull()
  })
})

describe('moments', () => {
  test('of micros are exact where doubles lose every digit', () => {
    // NIST StRD "NumAcc4": 10000000.2, then 1000 of .1 and .3 in turn; variance .01 exactly.
    const tenths = [
      100_000_002n,
      ...Array.from({ length: 1000 }, (_, i) => 100_000_001n + 2n * BigInt(i % 2)),
    ]
    const sums = {
      n: tenths.length,
      sum: tenths.reduce((sum, x) => sum + x, 0n),
      sumOfSquares: tenths.reduce((sum, x) => sum + x * x, 0n),
    }
    const exact = momentsFromIntegers(sums, 10)
    expect(exact.mean).toBe(10000000.2)
    expect(exact.variance).toBeCloseTo(0.01, 15)
  })

  test('agree with the plain definition', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: 2, maxLength: 50 }),
        (values) => {
          const sum = values.reduce((total, x) => total + BigInt(x), 0n)
          const sumOfSquares = values.reduce((total, x) => total + BigInt(x) ** 2n, 0n)
          const moments = momentsFromIntegers({ n: values.length, sum, sumOfSquares }, MICROS)
          const mean = values.reduce((total, x) => total + x / MICROS, 0) / values.length
          const squares = values.reduce((total, x) => total + (x / MICROS - mean) ** 2, 0)
          expect(moments.mean).toBeCloseTo(mean, 8)
          expect(moments.variance).toBeCloseTo(squares / (values.length - 1), 4)
        },
      ),
      { seed: 2 },
    )
  })
})

function spend(arm: keyof typeof HILLSTROM) {
  const { n, sumY, sumOfSquaresY } = HILLSTROM[arm].spendWithHistory
  return momentsFromIntegers({ n, sum: sumY, sumOfSquares: sumOfSquaresY }, MICROS)
}

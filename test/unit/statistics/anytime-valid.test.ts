import { describe, expect, test } from 'vitest'
import { anytimeGuard } from '#statistics/anytime-guard.ts'
import { anytimeRho, anytimeValid } from '#statistics/anytime-valid.ts'
import { differenceInRates } from '#statistics/difference-in-rates.ts'
import { momentsFromRate, momentsFromSums } from '#statistics/mean-moments.ts'
import { relativeLift } from '#statistics/relative-lift.ts'
import { GROWTHBOOK } from './growthbook.ts'
import { HILLSTROM } from './hillstrom.ts'

describe('anytime-valid interval', () => {
  test('rho is as GrowthBook computes it', () => {
    expect(anytimeRho(0.05, 5000)).toBeCloseTo(0.03984006677, 11)
    expect(anytimeRho(0.05, 1000)).toBeCloseTo(0.08908509753, 11)
  })

  test("GrowthBook's sequential relative difference of means, N* = 1000", () => {
    const lift = relativeLift(
      momentsFromSums({ ...GROWTHBOOK.treated, n: 3461 }),
      momentsFromSums({ ...GROWTHBOOK.control, n: 3000 }),
    )
    if (lift === null) throw new Error('both arms have spread')
    const sequential = anytimeValid({ ...lift, n: 6461, tightestAtCustomers: 1000 })
    expect(lift.estimate).toBeCloseTo(0.50336, 5)
    expect(sequential?.interval.lower).toBeCloseTo(-0.55844, 5)
    expect(sequential?.interval.upper).toBeCloseTo(1.56516, 5)
    expect(sequential?.p).toBe(1)
  })

  test("GrowthBook's sequential relative difference of proportions, N* = 5000", () => {
    const lift = relativeLift(
      momentsFromRate({ n: 3461, conversions: 2422 }),
      momentsFromRate({ n: 3000, conversions: 1396 }),
    )
    if (lift === null) throw new Error('both arms have spread')
    const sequential = anytimeValid({ ...lift, n: 6461, tightestAtCustomers: 5000 })
    expect(lift.estimate).toBeCloseTo(0.50386, 5)
    expect(sequential?.interval.lower).toBeCloseTo(0.4009785, 7)
    expect(sequential?.interval.upper).toBeCloseTo(0.6067482, 7)
  })

  test.each([
    ['mens', 'visit', 0.0656857, 0.0874934],
    ['womens', 'visit', 0.0348161, 0.0556501],
    ['mens', 'conversion', 0.0038394, 0.0097706],
    ['womens', 'conversion', 0.0004615, 0.0057606],
  ] as const)('Hillstrom %s against none, %s', (arm, outcome, lower, upper) => {
    const treated = HILLSTROM[arm][outcome]
    const control = HILLSTROM.none[outcome]
    const difference = differenceInRates(treated, control)
    if (difference === null) throw new Error('both arms have customers')
    const { interval } = anytimeValid({ ...difference, n: treated.n + control.n }) ?? {}
    expect(interval?.lower).toBeCloseTo(lower, 7)
    expect(interval?.upper).toBeCloseTo(upper, 7)
  })

  test('p is alpha exactly where the interval touches 0', () => {
    const { interval } = anytimeValid({ estimate: 0, standardError: 0.02, n: 12_345 }) ?? {}
    const atTheEdge = anytimeValid({ estimate: interval?.upper ?? 0, standardError: 0.02, n: 12_345 })
    expect(atTheEdge?.p).toBeCloseTo(0.05, 12)
    expect(atTheEdge?.interval.lower).toBeCloseTo(0, 12)
  })

  test('there is no interval of width 0', () => {
    expect(anytimeValid({ estimate: 1, standardError: 0, n: 10 })).toBeNull()
    expect(anytimeValid({ estimate: Number.NaN, standardError: Number.NaN, n: 0 })).toBeNull()
  })
})

describe('anytime guard', () => {
  test('needs 20 of each kind in each arm and says what is missing', () => {
    const enough = { n: 40, conversions: 20 }
    expect(anytimeGuard({ kind: 'binary', arms: [enough, enough] })).toEqual({ kind: 'ok' })
    expect(
      anytimeGuard({
        kind: 'binary',
        arms: [{ n: 39, conversions: 19 }, enough, { n: 39, conversions: 20 }],
      }),
    ).toEqual({
      kind: 'too-early',
      missing: [
        { arm: 0, what: 'conversions', has: 19, needs: 20 },
        { arm: 2, what: 'non-conversions', has: 19, needs: 20 },
      ],
    })
  })

  test('needs 50 payers in each arm for a value', () => {
    expect(anytimeGuard({ kind: 'value', arms: [{ payers: 50 }, { payers: 50 }] })).toEqual({ kind: 'ok' })
    expect(anytimeGuard({ kind: 'value', arms: [{ payers: 900 }, { payers: 49 }] })).toEqual({
      kind: 'too-early',
      missing: [{ arm: 1, what: 'payers', has: 49, needs: 50 }],
    })
  })
})

import { describe, expect, test } from 'vitest'
import { anytimeValid } from '#statistics/anytime-valid.ts'
import { cuped } from '#statistics/cuped.ts'
import { jointMomentsFromIntegers, jointMomentsFromSums } from '#statistics/mean-moments.ts'
import { GROWTHBOOK } from './growthbook.ts'
import { HILLSTROM } from './hillstrom.ts'

describe('CUPED', () => {
  test('Hillstrom spend on history: almost no gain', () => {
    const mens = jointMomentsFromIntegers(HILLSTROM.mens.spendWithHistory, 1e6, 1e6)
    const none = jointMomentsFromIntegers(HILLSTROM.none.spendWithHistory, 1e6, 1e6)
    const { theta, difference } = cuped(mens, none)
    expect(theta).toBeCloseTo(0.0012229, 8)
    expect(difference?.estimate).toBeCloseTo(0.767438, 6)
    expect(difference?.standardError).toBeCloseTo(0.145215, 6)
    const raw = Math.sqrt(mens.varianceY / mens.n + none.varianceY / none.n)
    expect(raw).toBeCloseTo(0.145247, 6)
  })

  test("GrowthBook's sequential relative difference with a covariate", () => {
    const control = jointMomentsFromSums({
      n: 3000,
      sumY: GROWTHBOOK.control.sum,
      sumOfSquaresY: GROWTHBOOK.control.sumOfSquares,
      sumX: 16.87,
      sumOfSquaresX: 527.9767,
      sumOfProducts: 1,
    })
    const treated = jointMomentsFromSums({
      n: 3461,
      sumY: GROWTHBOOK.treated.sum,
      sumOfSquaresY: GROWTHBOOK.treated.sumOfSquares,
      sumX: 22.7,
      sumOfSquaresX: 1348.29,
      sumOfProducts: 1,
    })
    const { lift } = cuped(treated, control)
    if (lift === null) throw new Error('both arms have spread')
    expect(lift.estimate).toBeCloseTo(0.50338, 5)
    const sequential = anytimeValid({ ...lift, n: 6461 })
    expect(sequential?.interval.lower).toBeCloseTo(-0.50969, 5)
    expect(sequential?.interval.upper).toBeCloseTo(1.51646, 5)
  })

  test('a covariate that explains all of the outcome leaves the effect and no variance', () => {
    // y = 2x in the control, y = 2x + 3 in the treated; x is balanced.
    const control = jointMomentsFromSums({
      n: 3,
      sumY: 12,
      sumOfSquaresY: 56,
      sumX: 6,
      sumOfSquaresX: 14,
      sumOfProducts: 28,
    })
    const treated = jointMomentsFromSums({
      n: 3,
      sumY: 21,
      sumOfSquaresY: 155,
      sumX: 6,
      sumOfSquaresX: 14,
      sumOfProducts: 46,
    })
    const result = cuped(treated, control)
    expect(result.theta).toBeCloseTo(2, 12)
    expect(result.treated.mean - result.control.mean).toBeCloseTo(3, 12)
    expect(result.treated.mean).toBeCloseTo(7, 12)
    expect(result.treated.variance).toBeCloseTo(0, 12)
  })

  test('a covariate without variance changes nothing', () => {
    const flat = { n: 4, meanX: 2, varianceX: 0, covariance: 0 }
    const result = cuped({ ...flat, meanY: 5, varianceY: 3 }, { ...flat, meanY: 4, varianceY: 2 })
    expect(result).toMatchObject({
      theta: 0,
      treated: { mean: 5, variance: 3 },
      control: { mean: 4, variance: 2 },
    })
  })
})

import { expect, test } from 'vitest'
import {
  chiSquareUpperTail,
  logGamma,
  normalCdf,
  normalQuantile,
  tQuantile,
  twoSidedNormalP,
  twoSidedTP,
} from '#statistics/distributions.ts'

test('are those of the printed tables', () => {
  expect(normalQuantile(0.975)).toBeCloseTo(1.959964, 6)
  expect(normalCdf(1.959964)).toBeCloseTo(0.975, 6)
  expect(twoSidedNormalP(-2.575829)).toBeCloseTo(0.01, 7)
  expect(tQuantile(0.975, 10)).toBeCloseTo(2.228139, 6)
  expect(twoSidedTP(2.228139, 10)).toBeCloseTo(0.05, 6)
  expect(chiSquareUpperTail(3.841459, 1)).toBeCloseTo(0.05, 6)
  expect(chiSquareUpperTail(1e4, 1)).toBe(0)
})

test('logGamma is the logarithm of factorials, and of √π at a half', () => {
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 13)
  expect(logGamma(1e-3)).toBeCloseTo(6.907178885383853, 12)
  let logFactorial = 0
  for (let k = 1; k <= 10_000; k++) {
    logFactorial += Math.log(k)
    if (k <= 100 || k === 10_000) {
      expect(Math.abs(logGamma(k + 1) - logFactorial)).toBeLessThan(1e-13 * Math.max(1, logFactorial) + 1e-12)
    }
  }
  expect(() => logGamma(0)).toThrow(RangeError)
})

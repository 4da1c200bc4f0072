import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { logisticInPlace } from '#decision/logistic.ts'

describe('the logistic function in place', () => {
  it('is that of the runtime to the last bits', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (z) => {
        const values = Float64Array.of(7, z, 7)
        logisticInPlace(values, 1, 2)
        const expected = 1 / (1 + Math.exp(-z))
        // Where exp(-z) has underflowed or overflowed both are 1 or next to 0.
        expect(Math.abs(values[1]! - expected)).toBeLessThanOrEqual(expected * 2 ** -51 + 1e-300)
        expect([values[0], values[2]]).toEqual([7, 7])
      }),
      { numRuns: 5_000 },
    )
  })

  it('gives the values of tables', () => {
    const values = Float64Array.of(0, 1, -1, Math.log(3), Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
    logisticInPlace(values, 0, values.length)
    expect(values[0]).toBe(0.5)
    expect(values[1]).toBeCloseTo(0.7310585786300049, 15)
    expect(values[2]).toBeCloseTo(0.2689414213699951, 15)
    expect(values[3]).toBeCloseTo(0.75, 15)
    expect(values[4]).toBe(1)
    expect(values[5]).toBeLessThan(1e-300)
  })

  it('keeps what is no number', () => {
    const values = Float64Array.of(Number.NaN)
    logisticInPlace(values, 0, 1)
    expect(values[0]).toBeNaN()
  })
})

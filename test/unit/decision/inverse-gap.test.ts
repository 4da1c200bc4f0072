import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inverseGapProbabilities } from '#decision/inverse-gap.ts'

describe('inverse-gap weighting', () => {
  it('gives the known answer before and after the floor', () => {
    const before = inverseGapProbabilities([0.1, 0.08, 0.05], 100, 0)
    expect([...before].map((p) => Number(p.toFixed(10)))).toEqual([0.675, 0.2, 0.125])
    const after = inverseGapProbabilities([0.1, 0.08, 0.05], 100, 0.02)
    expect([...after].map((p) => Number(p.toFixed(4)))).toEqual([0.6682, 0.2027, 0.1292])
  })

  it('sums to 1, keeps the floor, and never prefers the worse', () => {
    const scores = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(scores, fc.double({ min: 0, max: 1e6, noNaN: true }), (s, gamma) => {
        const p = inverseGapProbabilities(s, gamma, 0.02)
        expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12)
        for (let a = 0; a < s.length; a += 1) {
          expect(p[a]!).toBeGreaterThanOrEqual(0.02 / s.length)
          for (let b = 0; b < s.length; b += 1) {
            if (s[a]! > s[b]!) expect(p[a]!).toBeGreaterThanOrEqual(p[b]! - 1e-12)
          }
        }
      }),
    )
  })

  it('gives the rest to the first of several best', () => {
    const [first, second] = inverseGapProbabilities([0.5, 0.5, 0], 1_000, 0)
    expect(second).toBe(1 / 3)
    expect(first).toBeGreaterThan(0.66)
  })
})

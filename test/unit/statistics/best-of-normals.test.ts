import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestOfNormals } from '../../../src/statistics/best-of-normals.ts'
import { normalCdf } from '../../../src/statistics/distributions.ts'
import { gaussLegendre } from '../../../src/statistics/gauss-legendre.ts'

describe('the best of several normals', () => {
  it('is Φ((μ₁ − μ₂)/√(σ₁² + σ₂²)) for two', () => {
    for (const [m1, s1, m2, s2] of [
      [0.06, 0.01, 0.04, 0.01],
      [1, 0.5, 0, 3],
      [-2, 0.1, -2.05, 0.02],
    ] as const) {
      const exact = normalCdf((m1 - m2) / Math.hypot(s1, s2))
      expect(bestOfNormals([m1, m2], [s1, s2])[0]).toBeCloseTo(exact, 6)
    }
  })

  it('is 1/K for K alike, and 1 for one', () => {
    for (const p of bestOfNormals(new Float64Array(24), new Float64Array(24).fill(2))) {
      expect(p).toBeCloseTo(1 / 24, 9)
    }
    expect([...bestOfNormals([5], [0.1])]).toEqual([1])
  })

  it('is the known order statistic of three standard normals shifted by 0, 1 and 2', () => {
    // Simpson's rule with 200,000 steps over math.erfc, in Python.
    const known = [0.04715067991908581, 0.2240983047804276, 0.7287510153004041]
    const p = bestOfNormals([0, 1, 2], [1, 1, 1])
    for (const [a, share] of known.entries()) expect(p[a]!).toBeCloseTo(share, 7)
  })

  it('always is a distribution', () => {
    const normals = fc.array(
      fc.tuple(
        fc.double({ min: -100, max: 100, noNaN: true }),
        fc.double({ min: 1e-6, max: 10, noNaN: true }),
      ),
      { minLength: 1, maxLength: 30 },
    )
    fc.assert(
      fc.property(normals, (given) => {
        const p = bestOfNormals(
          given.map(([mean]) => mean),
          given.map(([, deviation]) => deviation),
        )
        expect(p.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 9)
        for (const each of p) expect(each).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})

describe('Gauss-Legendre quadrature', () => {
  it('has the known nodes of five points and integrates eˣ', () => {
    const { nodes, weights } = gaussLegendre(5)
    // Abramowitz & Stegun, table 25.4.
    expect(2 * nodes[4]! - 1).toBeCloseTo(0.906179845938664, 14)
    expect(2 * weights[4]!).toBeCloseTo(0.236926885056189, 14)
    const sum = nodes.reduce((total, x, i) => total + weights[i]! * Math.exp(x), 0)
    expect(sum).toBeCloseTo(Math.E - 1, 11)
  })
})

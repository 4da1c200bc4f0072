import fc from 'fast-check'
import { expect, test } from 'vitest'
import { benjaminiHochberg, holm } from '#statistics/many-comparisons.ts'

test("Holm, GrowthBook's example, in the order given", () => {
  expectClose(holm([0.01, 0.04, 0.03, 0.005, 0.55, 0.6]), [0.05, 0.12, 0.12, 0.03, 1, 1])
})

test("Benjamini-Hochberg, GrowthBook's example, in the order given", () => {
  const adjusted = benjaminiHochberg([0.898, 0.138, 0.007, 0.964, 0.538, 0.006, 0.138])
  expectClose(adjusted, [0.964, 0.2415, 0.0245, 0.964, 0.7532, 0.0245, 0.2415])
})

test('a single comparison stays as it is, none stays none', () => {
  expect(holm([0.03])).toEqual([0.03])
  expect(benjaminiHochberg([0.03])).toEqual([0.03])
  expect(holm([])).toEqual([])
  expect(benjaminiHochberg([])).toEqual([])
})

test('p <= Benjamini-Hochberg <= Holm <= Bonferroni, and the order of p-values is kept', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }), (pValues) => {
      const ours = pValues.map((p, i) => ({
        p,
        bh: benjaminiHochberg(pValues)[i] ?? Number.NaN,
        holm: holm(pValues)[i] ?? Number.NaN,
      }))
      for (const { p, bh, holm } of ours) {
        expect(p).toBeLessThanOrEqual(bh + 1e-12)
        expect(bh).toBeLessThanOrEqual(holm + 1e-12)
        expect(holm).toBeLessThanOrEqual(Math.min(1, p * pValues.length) + 1e-12)
      }
      const sorted = [...ours].sort((a, b) => a.p - b.p)
      sorted.slice(1).forEach((next, i) => {
        expect(next.bh).toBeGreaterThanOrEqual(sorted[i]?.bh ?? 0)
        expect(next.holm).toBeGreaterThanOrEqual(sorted[i]?.holm ?? 0)
      })
    }),
    { seed: 3 },
  )
})

function expectClose(actual: number[], expected: number[]) {
  expect(actual).toHaveLength(expected.length)
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 4)
}

import { expect, test } from 'vitest'
import { type VariantDraw, variantDifference } from '#statistics/variant-difference.ts'
import { gateSettingsDefault } from '../../../src/learning/promotion-gate.ts'
import { templateGate } from '../../../src/learning/template-gate.ts'

/** Alternately old and new, each with so many conversions in ten. */
function draws(count: number, champion: number, challenger: number): VariantDraw[] {
  return Array.from({ length: count }, (_, i) => {
    const drawn = i % 2 === 0 ? 'champion' : 'challenger'
    const reward = (i >> 1) % 10 < (drawn === 'champion' ? champion : challenger) ? 1 : 0
    return { drawn, championProbability: 0.5, challengerProbability: 0.5, reward }
  })
}
const judge = (...given: Parameters<typeof draws>) =>
  templateGate(variantDifference(draws(...given)), gateSettingsDefault)

test('better words pass once there is enough of both', () => {
  const verdict = judge(2_000, 2, 4)
  expect(verdict).toMatchObject({ passed: true, reasons: [] })
  expect(verdict.delta).toBeCloseTo(0.02 * 0.2, 12)
  expect(verdict.figures.interval!.lower).toBeGreaterThan(0)
})

test('too few, too early, or what may lose is refused with its numbers', () => {
  expect(judge(600, 2, 4).reasons).toEqual(['600 effective draws of the two, and 1000 are needed'])
  expect(judge(2_000, 2, 0).reasons[0]).toBe('too early: the new words: 0 of 20 conversions')
  const same = judge(2_000, 2, 2)
  expect(same.refusals).toMatchObject([{ reason: 'may_lose' }])
  expect(same.reasons[0]).toMatch(/may lose 0\.\d+ conversions a send, and at most 0\.004 may be risked/)
  expect(judge(20_000, 4, 2).passed).toBe(false)
})

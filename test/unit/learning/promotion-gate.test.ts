import { expect, test } from 'vitest'
import { describeGateRefusal, promotionGate } from '#learning/promotion-gate.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import type { LoggedRows } from '#statistics/off-policy/logged-rows.ts'

/**
 * A log of two actions, evenly drawn: "a" pays .2 to everybody; "b" pays `special` to the half that is
 * special and .1 to the others.
 */
function world(n: number, special: number) {
  const random = createSeededRandom(7, n)
  const drawnB = Uint8Array.from({ length: n }, () => (random.next() < 0.5 ? 1 : 0))
  const isSpecial = Uint8Array.from({ length: n }, () => (random.next() < 0.5 ? 1 : 0))
  const rateOf = (row: number, b: boolean): number => (b ? (isSpecial[row] ? special : 0.1) : 0.2)
  const rewards = Float64Array.from(drawnB, (b, row) => (random.next() < rateOf(row, b === 1) ? 1 : 0))
  const rowsOf = (chooseB: (row: number) => boolean): LoggedRows => ({
    rewards,
    logged: new Float64Array(n).fill(0.5),
    target: Float64Array.from(drawnB, (b, row) => ((b === 1) === chooseB(row) ? 1 : 0)),
    predicted: Float64Array.from(drawnB, (b, row) => rateOf(row, b === 1)),
    predictedTarget: Float64Array.from(drawnB, (_, row) => rateOf(row, chooseB(row))),
  })
  return {
    personal: rowsOf((row) => isSpecial[row] === 1),
    constants: [
      { name: 'a', rows: rowsOf(() => false) },
      { name: 'b', rows: rowsOf(() => true) },
    ],
  }
}

test('a policy that gains goes live, with its figures', () => {
  const { personal, constants } = world(20_000, 0.4)
  const verdict = promotionGate(personal, constants)
  expect(verdict.kind).toBe('passed')
  // .3 for it, .2 for always a, .25 for always b.
  expect(verdict.figures?.bestConstant).toMatchObject({ name: 'b', value: expect.closeTo(0.25, 1) })
  expect(verdict.figures?.candidate.value).toBeCloseTo(0.3, 1)
  expect(verdict.figures?.difference?.estimate).toBeCloseTo(0.05, 1)
  expect(verdict.figures?.delta).toBeCloseTo(0.02 * verdict.figures!.bestConstant!.value, 12)
})

test('a policy that loses does not, and is told how much it may lose', () => {
  const { personal, constants } = world(20_000, 0.1)
  const verdict = promotionGate(personal, constants)
  if (verdict.kind === 'passed') throw new Error('passed')
  expect(verdict.refusals).toMatchObject([{ reason: 'may_lose', bestConstant: 'a' }])
  expect(describeGateRefusal(verdict.refusals[0]!)).toMatch(/may lose 0\.0\d+ a decision against always "a"/)
})

test('no loss seen is not enough where the interval reaches below −δ', () => {
  // Special customers answer a little better to b: .215 against .2 is less than 20,000 decisions show.
  const { personal, constants } = world(20_000, 0.215)
  const verdict = promotionGate(personal, constants)
  expect(verdict.figures?.bestConstant?.name).toBe('a')
  expect(verdict.figures?.difference?.estimate).toBeGreaterThan(-verdict.figures!.delta!)
  expect(verdict).toMatchObject({ kind: 'refused', refusals: [{ reason: 'may_lose' }] })
})

test('one that does what the best constant action does risks nothing', () => {
  const { constants } = world(20_000, 0.1)
  expect(promotionGate(constants[0]!.rows, constants)).toMatchObject({
    kind: 'passed',
    figures: { difference: { estimate: 0, standardError: 0 } },
  })
})

test('a gain seen in 900 effective rows is not enough', () => {
  const { personal, constants } = world(1_800, 0.9)
  const verdict = promotionGate(personal, constants)
  expect(verdict.kind === 'refused' && verdict.refusals.map(({ reason }) => reason)).toEqual([
    'few_effective_rows',
  ])
})

test('without a constant action that was seen often enough there is nothing to compare with', () => {
  const { personal } = world(20_000, 0.4)
  expect(promotionGate(personal, [])).toMatchObject({ refusals: [{ reason: 'no_constant_action' }] })
})

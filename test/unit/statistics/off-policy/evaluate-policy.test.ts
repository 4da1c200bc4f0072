import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { evaluatePolicy, evaluateRows } from '#statistics/off-policy/evaluate-policy.ts'
import { emptyRows, type LoggedDecisions, type PerAction } from '#statistics/off-policy/logged-rows.ts'
import { policyDifference } from '#statistics/off-policy/policy-difference.ts'
import { describeRefusal } from '#statistics/off-policy/refusal.ts'
import { importanceWeights } from '#statistics/off-policy/weights.ts'

const nothingKnown: PerAction = (_row, into) => into.fill(0)
const shares =
  (...values: number[]): PerAction =>
  (_row, into) =>
    into.set(values)

test('a sound log gives estimates, with the weights beside them', () => {
  const evaluation = evaluatePolicy(logOf(1000, [0.5, 0.5]), shares(0.4, 0.6), nothingKnown)
  if (evaluation.kind === 'refused') throw new Error('refused')
  expect(evaluation.weights.n).toBe(1000)
  expect(evaluation.weights.largest).toBeCloseTo(1.2, 12)
  expect(evaluation.estimates).toHaveLength(9)
})

test('a target that wants what the log never draws is refused, with the mass', () => {
  const evaluation = evaluatePolicy(logOf(1000, [0.5, 0.5, 0]), shares(0.5, 0.3, 0.2), nothingKnown)
  expect(evaluation).toEqual({
    kind: 'refused',
    refusals: [{ reason: 'no_support', rows: 1000, mass: expect.closeTo(0.2, 12), actions: [2] }],
  })
})

test.each([
  ['too much', shares(0.6, 0.6)],
  ['negative', shares(1.5, -0.5)],
  ['no number', shares(Number.NaN, 1)],
])('a target that is no distribution (%s) is refused', (_, target) => {
  const evaluation = evaluatePolicy(logOf(1000, [0.5, 0.5]), target, nothingKnown)
  expect(evaluation).toMatchObject({ kind: 'refused', refusals: [{ reason: 'not_a_distribution', row: 0 }] })
})

test('99 effective rows are too few, 100 are not', () => {
  const rowsOf = (n: number) => {
    const rows = emptyRows(n)
    rows.logged.fill(0.5)
    rows.target.fill(0.5)
    return rows
  }
  const few = evaluateRows(rowsOf(99))
  expect(few).toMatchObject({
    kind: 'refused',
    refusals: [{ reason: 'few_effective_rows', effectiveRows: 99 }],
  })
  expect(evaluateRows(rowsOf(100)).kind).toBe('evaluated')
  expect(few.kind === 'refused' && describeRefusal(few.refusals[0]!)).toContain('99.0 effective rows')
})

test('a favourite that was never drawn leaves a fine ESS and is refused by the mean weight', () => {
  const rows = emptyRows(10_000)
  rows.logged.fill(0.5)
  rows.target.fill(0.03)
  const evaluation = evaluateRows(rows)
  expect(evaluation).toMatchObject({
    kind: 'refused',
    refusals: [{ reason: 'mean_weight_off', meanWeight: expect.closeTo(0.06, 12) }],
    weights: { effectiveRows: expect.closeTo(10_000, 6) },
  })
})

test('a mean weight within a quarter of 1 is refused where its own interval leaves 1 out', () => {
  const rows = emptyRows(10_000)
  rows.logged.fill(0.5)
  rows.target.fill(0.45)
  expect(evaluateRows(rows)).toMatchObject({ refusals: [{ reason: 'mean_weight_off' }] })
})

test('an empty log is refused; a propensity outside (0, 1] is a fault of the log', () => {
  expect(evaluateRows(emptyRows(0))).toEqual({ kind: 'refused', refusals: [{ reason: 'no_rows' }] })
  expect(() => importanceWeights(emptyRows(1))).toThrow('row 0: a logged propensity of 0')
})

test('the difference of two policies cancels what they do alike', () => {
  const same = emptyRows(4)
  same.rewards.set([1, 0, 1, 0])
  same.logged.fill(0.5)
  same.target.set([1, 0, 1, 0])
  expect(policyDifference(same, same)).toMatchObject({ estimate: 0, standardError: 0, p: 1 })
  const other = { ...same, target: Float64Array.of(1, 0, 0, 1) }
  // Contributions: same 2, 0, 2, 0; other 2, 0, 0, 0.
  const difference = policyDifference(same, other)
  expect(difference.estimate).toBeCloseTo(0.5, 12)
  expect(difference.standardError).toBeCloseTo(Math.sqrt(1 / 4), 12)
})

/** Rows drawn from fixed shares. */
function logOf(n: number, behaviour: number[]): LoggedDecisions {
  const random = createSeededRandom(5)
  const actions = Array.from({ length: n }, () => {
    let left = random.next()
    return Math.max(
      0,
      behaviour.findIndex((share) => {
        left -= share
        return left < 0
      }),
    )
  })
  return {
    n,
    actionCount: behaviour.length,
    actionAt: (row) => actions[row]!,
    rewardAt: (row) => row % 2,
    behaviourAt: (_row, into) => into.set(behaviour),
  }
}

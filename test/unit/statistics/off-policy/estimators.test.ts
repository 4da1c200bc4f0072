import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { estimatePolicy } from '#statistics/off-policy/estimators.ts'
import { emptyRows, type LoggedRows } from '#statistics/off-policy/logged-rows.ts'
import { importanceWeights, summarizeWeights } from '#statistics/off-policy/weights.ts'
import { toyEffectiveRows, toyRows, toySettings, toyValues } from './toy.ts'

test('the table of the toy, to 1e-9', () => {
  const weights = importanceWeights(toyRows)
  const estimates = estimatePolicy(toyRows, weights, toySettings)
  expect(estimates.map(({ estimator }) => estimator)).toEqual(Object.keys(toyValues))
  for (const { estimator, value } of estimates) {
    expect(Math.abs(value - toyValues[estimator]), estimator).toBeLessThan(1e-9)
  }
  const { effectiveRows, mean, largest } = summarizeWeights(weights)
  expect(Math.abs(effectiveRows - toyEffectiveRows)).toBeLessThan(1e-9)
  expect(mean).toBeCloseTo(1.9, 12)
  expect(largest).toBeCloseTo(3, 12)
})

test('on-policy, IPS and SNIPS are the mean and its standard error', () => {
  const rows: LoggedRows = { ...toyRows, target: toyRows.logged }
  const estimates = estimatePolicy(rows, importanceWeights(rows))
  for (const name of ['ips', 'snips']) {
    const estimate = estimates.find(({ estimator }) => estimator === name)!
    expect(estimate.value).toBeCloseTo(0.6, 12)
    // sd of 1,0,1,0,1 is √.3
    expect(estimate.standardError).toBeCloseTo(Math.sqrt(0.3 / 5), 12)
    expect(estimate.interval.upper - estimate.value).toBeCloseTo(1.959964 * Math.sqrt(0.3 / 5), 6)
  }
})

test('standard errors are the spread of the estimates over many logs', () => {
  const random = createSeededRandom(11)
  const runs = Array.from({ length: 2000 }, () => estimatesOfWorld(500, random.next))
  for (const [at, { estimator }] of runs[0]!.entries()) {
    const values = runs.map((estimates) => estimates[at]!.value)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const spread = Math.sqrt(
      values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1),
    )
    const stated = runs.reduce((sum, estimates) => sum + estimates[at]!.standardError, 0) / runs.length
    expect([estimator, Math.abs(stated / spread - 1) < 0.07]).toEqual([estimator, true])
  }
})

/** Two actions, drawn .8 to .2 by the log and .3 to .7 by the target; q̂ is off by a constant. */
function estimatesOfWorld(n: number, next: () => number) {
  const rows = emptyRows(n)
  for (let i = 0; i < n; i += 1) {
    const x = next()
    const second = next() < 0.2
    const rate = (action: boolean): number => (action ? 0.2 + 0.6 * x : 0.5 - 0.3 * x)
    rows.rewards[i] = next() < rate(second) ? 1 : 0
    rows.logged[i] = second ? 0.2 : 0.8
    rows.target[i] = second ? 0.7 : 0.3
    rows.predicted[i] = rate(second) + 0.1
    rows.predictedTarget[i] = 0.7 * rate(true) + 0.3 * rate(false) + 0.1
  }
  return estimatePolicy(rows, importanceWeights(rows))
}

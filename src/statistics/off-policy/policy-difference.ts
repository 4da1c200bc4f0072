import { ALPHA_DEFAULT, type Difference } from '../difference.ts'
import { normalQuantile, twoSidedNormalP } from '../distributions.ts'
import type { LoggedRows } from './logged-rows.ts'
import { importanceWeights } from './weights.ts'

/**
 * DR(new − baseline) over the same log: the mean of each row's difference of DR contributions, so that what
 * the two policies do alike cancels. Statistic is a z; where they never differ it and the error are 0.
 */
export function policyDifference(
  candidate: LoggedRows,
  baseline: LoggedRows,
  alpha: number = ALPHA_DEFAULT,
): Difference {
  const n = candidate.rewards.length
  if (baseline.rewards.length !== n) throw new RangeError('two policies are compared over the same log')
  const differences = doublyRobust(candidate)
  const other = doublyRobust(baseline)
  let sum = 0
  for (let i = 0; i < n; i += 1) {
    differences[i]! -= other[i]!
    sum += differences[i]!
  }
  const estimate = sum / n
  let squares = 0
  for (const difference of differences) squares += (difference - estimate) ** 2
  const standardError = n > 1 ? Math.sqrt(squares / (n - 1) / n) : Number.POSITIVE_INFINITY
  const half = normalQuantile(1 - alpha / 2) * standardError
  const statistic = standardError === 0 ? 0 : estimate / standardError
  return {
    estimate,
    standardError,
    interval: { lower: estimate - half, upper: estimate + half },
    statistic,
    p: twoSidedNormalP(statistic),
  }
}

/** q̂(x, π_e) + w(r − q̂) per row. */
function doublyRobust(rows: LoggedRows): Float64Array {
  const contributions = importanceWeights(rows)
  for (let i = 0; i < contributions.length; i += 1) {
    contributions[i] = rows.predictedTarget[i]! + contributions[i]! * (rows.rewards[i]! - rows.predicted[i]!)
  }
  return contributions
}

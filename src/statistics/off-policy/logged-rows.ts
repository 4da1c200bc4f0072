import type { Refusal } from './refusal.ts'

/**
 * What the estimators need of each of n logged decisions. Context x, action a as drawn by the logging
 * policy π_b, target policy π_e, reward model q̂. All five columns have length n.
 */
export interface LoggedRows {
  /** r: what followed the action drawn. */
  rewards: Float64Array
  /** π_b(a|x) of the action drawn, in (0, 1]. */
  logged: Float64Array
  /** π_e(a|x) of the same action, in [0, 1]. */
  target: Float64Array
  /** q̂(x, a): the reward expected of the action drawn. */
  predicted: Float64Array
  /** Σ_a π_e(a|x)·q̂(x, a): the reward expected under the target policy. */
  predictedTarget: Float64Array
}

/** A log in which the whole distribution of each decision is known; `into` has length `actionCount`. */
export interface LoggedDecisions {
  n: number
  /** Over all decisions; an action that was no candidate has probability 0. */
  actionCount: number
  /** Index of the action drawn. */
  actionAt(row: number): number
  rewardAt(row: number): number
  /** Writes π_b(·|x). */
  behaviourAt(row: number, into: Float64Array): void
}

/** Writes one number per action for a logged decision: π_e(·|x) or q̂(x, ·). */
export type PerAction = (row: number, into: Float64Array) => void

/** Sums of floating shares miss 1 by rounding; anything more is a fault of the policy. */
const distributionTolerance = 1e-6

/**
 * The columns for one target policy, in one pass. Refused where π_e is not a distribution, or where it gives
 * mass to actions that π_b never draws: no weight can make up for what was not tried.
 */
export function reduceToRows(
  log: LoggedDecisions,
  target: PerAction,
  predict: PerAction,
): { kind: 'rows'; rows: LoggedRows } | { kind: 'refused'; refusals: Refusal[] } {
  const rows = emptyRows(log.n)
  const behaviour = new Float64Array(log.actionCount)
  const wanted = new Float64Array(log.actionCount)
  const expected = new Float64Array(log.actionCount)
  const unsupported = { rows: 0, mass: 0, actions: new Set<number>() }
  for (let i = 0; i < log.n; i += 1) {
    log.behaviourAt(i, behaviour)
    target(i, wanted)
    predict(i, expected)
    const sum = sumOfShares(wanted)
    if (!(Math.abs(sum - 1) <= distributionTolerance)) {
      return { kind: 'refused', refusals: [{ reason: 'not_a_distribution', row: i, sum }] }
    }
    let missing = 0
    let value = 0
    for (let a = 0; a < log.actionCount; a += 1) {
      if (wanted[a]! === 0) continue
      value += wanted[a]! * expected[a]!
      if (behaviour[a]! > 0) continue
      missing += wanted[a]!
      unsupported.actions.add(a)
    }
    unsupported.mass += missing
    if (missing > 0) unsupported.rows += 1
    const action = log.actionAt(i)
    rows.rewards[i] = log.rewardAt(i)
    rows.logged[i] = behaviour[action]!
    rows.target[i] = wanted[action]!
    rows.predicted[i] = expected[action]!
    rows.predictedTarget[i] = value
  }
  if (unsupported.rows === 0) return { kind: 'rows', rows }
  const actions = [...unsupported.actions].sort((a, b) => a - b)
  const mass = unsupported.mass / log.n
  return { kind: 'refused', refusals: [{ reason: 'no_support', rows: unsupported.rows, mass, actions }] }
}

export function emptyRows(n: number): LoggedRows {
  return {
    rewards: new Float64Array(n),
    logged: new Float64Array(n),
    target: new Float64Array(n),
    predicted: new Float64Array(n),
    predictedTarget: new Float64Array(n),
  }
}

/** NaN where a share is negative or no number. */
function sumOfShares(shares: Float64Array): number {
  let sum = 0
  for (const share of shares) sum += share >= 0 ? share : Number.NaN
  return sum
}

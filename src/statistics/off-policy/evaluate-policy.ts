import { ALPHA_DEFAULT } from '../difference.ts'
import {
  type EstimatorSettings,
  estimatePolicy,
  estimatorSettingsDefault,
  type PolicyEstimate,
} from './estimators.ts'
import { type LoggedDecisions, type LoggedRows, type PerAction, reduceToRows } from './logged-rows.ts'
import type { Refusal } from './refusal.ts'
import { importanceWeights, refuseWeights, summarizeWeights, type WeightSummary } from './weights.ts'

export type PolicyEvaluation =
  | { kind: 'evaluated'; weights: WeightSummary; estimates: PolicyEstimate[] }
  /** `weights` is missing where there are none to speak of. */
  | { kind: 'refused'; refusals: Refusal[]; weights?: WeightSummary }

/** The value of a target policy on a log, or why the log cannot tell. */
export function evaluatePolicy(
  log: LoggedDecisions,
  target: PerAction,
  predict: PerAction,
  settings: EstimatorSettings = estimatorSettingsDefault,
  alpha: number = ALPHA_DEFAULT,
): PolicyEvaluation {
  const reduced = reduceToRows(log, target, predict)
  return reduced.kind === 'refused' ? reduced : evaluateRows(reduced.rows, settings, alpha)
}

/** The same for rows that are reduced already. */
export function evaluateRows(
  rows: LoggedRows,
  settings: EstimatorSettings = estimatorSettingsDefault,
  alpha: number = ALPHA_DEFAULT,
): PolicyEvaluation {
  // One row has no spread, and so no interval.
  if (rows.rewards.length < 2) return { kind: 'refused', refusals: [{ reason: 'no_rows' }] }
  const raw = importanceWeights(rows)
  const weights = summarizeWeights(raw, alpha)
  const refusals = refuseWeights(weights)
  if (refusals.length > 0) return { kind: 'refused', refusals, weights }
  return { kind: 'evaluated', weights, estimates: estimatePolicy(rows, raw, settings, alpha) }
}

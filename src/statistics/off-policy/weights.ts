import { ALPHA_DEFAULT, type Interval } from '../difference.ts'
import { normalQuantile } from '../distributions.ts'
import type { LoggedRows } from './logged-rows.ts'
import type { Refusal } from './refusal.ts'

/** How much of the log speaks about the target policy; w = π_e(a|x) / π_b(a|x). */
export interface WeightSummary {
  n: number
  /** (Σw)² / Σw² (Kish 1965): so many rows of weight 1 would say as much. 0 where all weights are 0. */
  effectiveRows: number
  /** 1 in expectation. */
  mean: number
  meanInterval: Interval
  largest: number
}

/** Below it even the normal interval means nothing: Open Bandit's bts women → random has 2 of 10,000. */
export const effectiveRowsMin = 100
/** A favourite that was never logged leaves a fine ESS and a mean weight near 0. */
const meanWeightDistanceMax = 0.25

/** w = π_e/π_b per row. Throws where a logged propensity is not in (0, 1]: such a log is not one. */
export function importanceWeights({ logged, target }: LoggedRows): Float64Array {
  const weights = new Float64Array(logged.length)
  for (let i = 0; i < weights.length; i += 1) {
    const propensity = logged[i]!
    if (!(propensity > 0 && propensity <= 1)) {
      throw new RangeError(`row ${i}: a logged propensity of ${propensity} is not in (0, 1]`)
    }
    weights[i] = target[i]! / propensity
  }
  return weights
}

export function summarizeWeights(weights: Float64Array, alpha: number = ALPHA_DEFAULT): WeightSummary {
  const n = weights.length
  let sum = 0
  let squares = 0
  let largest = 0
  for (const w of weights) {
    sum += w
    squares += w * w
    if (w > largest) largest = w
  }
  const mean = sum / n
  let deviations = 0
  for (const w of weights) deviations += (w - mean) ** 2
  const half = normalQuantile(1 - alpha / 2) * Math.sqrt(deviations / (n - 1) / n)
  return {
    n,
    effectiveRows: squares === 0 ? 0 : (sum * sum) / squares,
    mean,
    meanInterval: { lower: mean - half, upper: mean + half },
    largest,
  }
}

/**
 * What speaks against any estimate with these weights; empty where nothing does. Note that 1 lies outside a
 * 95 % interval of E[w] in one sound log of twenty: refusing it costs less than trusting the others.
 */
export function refuseWeights(weights: WeightSummary, needed = effectiveRowsMin): Refusal[] {
  if (weights.n === 0) return [{ reason: 'no_rows' }]
  const refusals: Refusal[] = []
  if (!(weights.effectiveRows >= needed)) {
    refusals.push({
      reason: 'few_effective_rows',
      effectiveRows: weights.effectiveRows,
      effectiveRowsMin: needed,
    })
  }
  const { mean, meanInterval } = weights
  // Equal weights of 1 have an interval of no width, which rounding may leave an ulp beside 1.
  const inside = meanInterval.lower <= 1 + 1e-9 && meanInterval.upper >= 1 - 1e-9
  if (!inside || Math.abs(mean - 1) > meanWeightDistanceMax) {
    refusals.push({
      reason: 'mean_weight_off',
      meanWeight: mean,
      interval: meanInterval,
      distanceMax: meanWeightDistanceMax,
    })
  }
  return refusals
}

import { ALPHA_DEFAULT, type Interval } from '../difference.ts'
import { normalQuantile } from '../distributions.ts'
import type { LoggedRows } from './logged-rows.ts'

export const estimatorNames = [
  'ips',
  'clippedIps',
  'snips',
  'dm',
  'dr',
  'sndr',
  'switchDr',
  'drOs',
  'subGaussianDr',
] as const
export type EstimatorName = (typeof estimatorNames)[number]

/** The value of the target policy, per decision, in the unit of the reward. */
export interface PolicyEstimate {
  estimator: EstimatorName
  value: number
  standardError: number
  /** Normal, from the influence function. For `dm` it says nothing of the error of q̂. */
  interval: Interval
}

/** Where the biased estimators stop trusting large weights. */
export interface EstimatorSettings {
  /** Clipped IPS: no weight above it. */
  clipAt: number
  /** Switch-DR: no correction by rows of larger weight. */
  switchAt: number
  /** DRos: λ of λw/(w² + λ). */
  shrinkage: number
  /** Sub-Gaussian DR: λ of w/(1 − λ + λw). */
  subGaussian: number
}

/** Leaves weights up to 5 nearly alone, so that on sound logs all agree. */
export const estimatorSettingsDefault: EstimatorSettings = {
  clipAt: 10,
  switchAt: 10,
  shrinkage: 100,
  subGaussian: 0.01,
}

/** What one row says under an estimator that is a plain mean of its rows. */
type Contribution = (w: number, reward: number, predicted: number, predictedTarget: number) => number

/**
 * All estimators over the same rows, with w = π_e(a|x)/π_b(a|x) as `importanceWeights` gives them:
 *
 * - IPS  E[wr] (Horvitz & Thompson 1952), clipped IPS E[min(w, c)·r]
 * - SNIPS  E[wr]/E[w] (Swaminathan & Joachims, NeurIPS 2015)
 * - DM  E[q̂(x, π_e)]
 * - DR  E[q̂(x, π_e) + w(r − q̂)] (Dudík, Langford & Li, ICML 2011)
 * - SNDR  E[q̂(x, π_e)] + E[w(r − q̂)]/E[w] (Thomas & Brunskill, ICML 2016)
 * - Switch-DR  DR with the correction of rows with w ≤ λ alone (Wang, Agarwal & Dudík, ICML 2017)
 * - DRos  DR with λw/(w² + λ) (Su, Dimakopoulou, Krishnamurthy & Dudík, ICML 2020)
 * - sub-Gaussian DR  DR with w/(1 − λ + λw) (Metelli, Russo & Restelli, NeurIPS 2021)
 *
 * IPS and DR are unbiased where q̂ was fitted without the row it is used on (`crossFittedRegression`);
 * SNIPS and SNDR up to O(1/n).
 */
export function estimatePolicy(
  rows: LoggedRows,
  weights: Float64Array,
  settings: EstimatorSettings = estimatorSettingsDefault,
  alpha: number = ALPHA_DEFAULT,
): PolicyEstimate[] {
  const { clipAt, switchAt, shrinkage, subGaussian } = settings
  const plain = (estimator: EstimatorName, contribution: Contribution): PolicyEstimate =>
    plainMean(estimator, rows, weights, contribution, alpha)
  const corrected = (estimator: EstimatorName, weigh: (w: number) => number): PolicyEstimate =>
    plain(estimator, (w, r, q, value) => value + weigh(w) * (r - q))
  return [
    plain('ips', (w, r) => w * r),
    plain('clippedIps', (w, r) => Math.min(w, clipAt) * r),
    selfNormalized('snips', rows, weights, false, alpha),
    plain('dm', (_w, _r, _q, value) => value),
    corrected('dr', (w) => w),
    selfNormalized('sndr', rows, weights, true, alpha),
    corrected('switchDr', (w) => (w <= switchAt ? w : 0)),
    corrected('drOs', (w) => (shrinkage * w) / (w * w + shrinkage)),
    corrected('subGaussianDr', (w) => w / (1 - subGaussian + subGaussian * w)),
  ]
}

/** ψ = contribution − value. */
function plainMean(
  estimator: EstimatorName,
  { rewards, predicted, predictedTarget }: LoggedRows,
  weights: Float64Array,
  contribution: Contribution,
  alpha: number,
): PolicyEstimate {
  const n = weights.length
  const at = (i: number): number => contribution(weights[i]!, rewards[i]!, predicted[i]!, predictedTarget[i]!)
  let sum = 0
  for (let i = 0; i < n; i += 1) sum += at(i)
  const value = sum / n
  let squares = 0
  for (let i = 0; i < n; i += 1) squares += (at(i) - value) ** 2
  return withInterval(estimator, value, squares, n, alpha)
}

/**
 * SNIPS (q̂ = 0) and SNDR, by the delta method: with the ratio c = E[w(r − q̂)]/E[w],
 * ψ = (q̂(x, π_e) − E[q̂(x, π_e)]) + w(r − q̂ − c)/E[w]. NaN where all weights are 0.
 */
function selfNormalized(
  estimator: EstimatorName,
  { rewards, predicted, predictedTarget }: LoggedRows,
  weights: Float64Array,
  withModel: boolean,
  alpha: number,
): PolicyEstimate {
  const n = weights.length
  const share = withModel ? 1 : 0
  let weightSum = 0
  let correctionSum = 0
  let modelSum = 0
  for (let i = 0; i < n; i += 1) {
    weightSum += weights[i]!
    correctionSum += weights[i]! * (rewards[i]! - share * predicted[i]!)
    modelSum += share * predictedTarget[i]!
  }
  const ratio = correctionSum / weightSum
  const model = modelSum / n
  const meanWeight = weightSum / n
  let squares = 0
  for (let i = 0; i < n; i += 1) {
    const residual = rewards[i]! - share * predicted[i]! - ratio
    squares += (share * predictedTarget[i]! - model + (weights[i]! * residual) / meanWeight) ** 2
  }
  return withInterval(estimator, model + ratio, squares, n, alpha)
}

/** `squares`: Σψ². */
function withInterval(
  estimator: EstimatorName,
  value: number,
  squares: number,
  n: number,
  alpha: number,
): PolicyEstimate {
  const standardError = Math.sqrt(squares / (n - 1) / n)
  const half = normalQuantile(1 - alpha / 2) * standardError
  return { estimator, value, standardError, interval: { lower: value - half, upper: value + half } }
}

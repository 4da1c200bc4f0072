import { type DecisionInput, headKey } from '#contracts/decision.ts'
import {
  costFactor,
  fatigueFactor,
  leverFactor,
  responseFactor,
  unpromptedFactor,
  valueFactor,
  type WorkingSpace,
} from './working-space.ts'

/**
 * How well scores are known, by place in the draw; arrays may be longer than there are places. The logit of
 * a response is normal, z ~ N(wᵀx, xᵀPx), and the score follows from it:
 * `s = max(0, σ(z) − threshold) × worth − cost`, worth and cost in units of the bound. What happens unprompted
 * (the threshold, with fatigue) is taken as known: it is the same for all candidates of a campaign.
 */
export interface ScoreSpread {
  /** wᵀx */
  logits: Float64Array
  /** √(xᵀPx) */
  deviations: Float64Array
  /** P₀ + fatigue */
  thresholds: Float64Array
  /** value × lever / bound */
  worths: Float64Array
  costs: Float64Array
}

/** Of everything in the draw, from the snapshot's covariances. Only some policies ask: not a hot path. */
export function spreadOf({ snapshot, campaigns, candidates, features }: DecisionInput, space: WorkingSpace) {
  const { factors, drawn, drawnCount } = space
  const spread = createScoreSpread(drawnCount)
  for (let place = 0; place < drawnCount; place += 1) {
    const { campaignIndex, treatmentIndex } = candidates[drawn[place]!]!
    const { campaignId, treatments } = campaigns[campaignIndex]!.spec
    const covariance = snapshot.covariances?.get(headKey(campaignId, treatments[treatmentIndex]!.treatmentId))
    const p = factors[responseFactor]![place]!
    // Above 36 in size a logit's σ is 0 or 1 to the last bit.
    spread.logits[place] = Math.max(-36, Math.min(36, Math.log(p / (1 - p))))
    spread.deviations[place] = logitDeviation(covariance, features)
    spread.thresholds[place] = factors[unpromptedFactor]![place]! + factors[fatigueFactor]![place]!
    spread.worths[place] =
      (factors[valueFactor]![place]! * factors[leverFactor]![place]!) / snapshot.boundMicros
    spread.costs[place] = factors[costFactor]![place]! / snapshot.boundMicros
  }
  return spread
}

export function createScoreSpread(places: number): ScoreSpread {
  return {
    logits: new Float64Array(places),
    deviations: new Float64Array(places),
    thresholds: new Float64Array(places),
    worths: new Float64Array(places),
    costs: new Float64Array(places),
  }
}

/**
 * √(xᵀPx).
 *
 * @param covariance P, the lower triangle row by row; undefined: the prior, the identity
 * @param x features, shape (D)
 */
export function logitDeviation(covariance: Float64Array | undefined, x: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i += 1) {
    const xi = x[i]!
    if (xi === 0) continue
    if (covariance === undefined) {
      sum += xi * xi
      continue
    }
    const row = (i * (i + 1)) / 2
    let twice = 0
    for (let j = 0; j < i; j += 1) twice += covariance[row + j]! * x[j]!
    sum += xi * (2 * twice + covariance[row + i]! * xi)
  }
  return Math.sqrt(Math.max(0, sum))
}

import { ALPHA_DEFAULT, type Difference } from './difference.ts'
import type { MeanMoments } from './mean-moments.ts'
import { tDifference, welchDegreesOfFreedom } from './welch.ts'

/**
 * Treated mean over control mean, minus 1 (.07 is 7 % more), by the delta method with no covariance
 * between the arms: Var(M/D) = v_M/D² + v_D·M²/D⁴, v the variances of the means. The interval takes the
 * t quantile at Welch's degrees of freedom. Rates enter through `momentsFromRate`.
 * Null where a lift means nothing: control mean not above 0, or nothing known of the spread.
 *
 * `unadjusted`: the plain means, when the moments are covariate-adjusted; ratios are taken to these.
 */
export function relativeLift(
  treated: MeanMoments,
  control: MeanMoments,
  alpha: number = ALPHA_DEFAULT,
  unadjusted: { treatedMean: number; controlMean: number } = {
    treatedMean: treated.mean,
    controlMean: control.mean,
  },
): Difference | null {
  const { treatedMean, controlMean } = unadjusted
  if (!(controlMean > 0)) return null
  const variance =
    treated.variance / treated.n / controlMean ** 2 +
    (control.variance / control.n) * (treatedMean ** 2 / controlMean ** 4)
  return tDifference({
    estimate: (treated.mean - control.mean) / controlMean,
    standardError: Math.sqrt(variance),
    degreesOfFreedom: welchDegreesOfFreedom(treated, control),
    alpha,
  })
}

import { ALPHA_DEFAULT, type Difference } from './difference.ts'
import { tQuantile, twoSidedTP } from './distributions.ts'
import type { MeanMoments } from './mean-moments.ts'

/**
 * Treated mean minus control mean with unequal variances (Welch 1947); statistic is a t.
 * Null where no interval follows: an arm of fewer than 2 customers, or no variance in either arm.
 */
export function welch(
  treated: MeanMoments,
  control: MeanMoments,
  alpha: number = ALPHA_DEFAULT,
): Difference | null {
  return tDifference({
    estimate: treated.mean - control.mean,
    standardError: standardErrorOfDifference(treated, control),
    degreesOfFreedom: welchDegreesOfFreedom(treated, control),
    alpha,
  })
}

/** √(s²_T/n_T + s²_C/n_C). */
export function standardErrorOfDifference(treated: MeanMoments, control: MeanMoments): number {
  return Math.sqrt(treated.variance / treated.n + control.variance / control.n)
}

/** Welch-Satterthwaite. NaN where an arm has fewer than 2 customers or no arm has variance. */
export function welchDegreesOfFreedom(treated: MeanMoments, control: MeanMoments): number {
  if (treated.n < 2 || control.n < 2) return Number.NaN
  const a = treated.variance / treated.n
  const b = control.variance / control.n
  return (a + b) ** 2 / (a ** 2 / (treated.n - 1) + b ** 2 / (control.n - 1))
}

/** An estimate with its standard error, read by Student's t. Null where these carry no information. */
export function tDifference(input: {
  estimate: number
  standardError: number
  degreesOfFreedom: number
  alpha: number
}): Difference | null {
  const { estimate, standardError, degreesOfFreedom, alpha } = input
  if (!(degreesOfFreedom > 0) || !(standardError > 0)) return null
  const half = tQuantile(1 - alpha / 2, degreesOfFreedom) * standardError
  const statistic = estimate / standardError
  return {
    estimate,
    standardError,
    interval: { lower: estimate - half, upper: estimate + half },
    statistic,
    p: twoSidedTP(statistic, degreesOfFreedom),
    degreesOfFreedom,
  }
}

import { ALPHA_DEFAULT, type Difference } from './difference.ts'
import { twoSidedNormalP } from './distributions.ts'
import { momentsFromRate } from './mean-moments.ts'
import { newcombeInterval } from './newcombe-interval.ts'
import { standardErrorOfDifference } from './welch.ts'
import type { RateCounts } from './wilson-interval.ts'

/**
 * Treated rate minus control rate: Newcombe's interval; statistic and p are those of the pooled
 * two-proportion z, which is what reports quote; the standard error is the unpooled one.
 * Null while an arm is empty.
 */
export function differenceInRates(
  treated: RateCounts,
  control: RateCounts,
  alpha: number = ALPHA_DEFAULT,
): Difference | null {
  const interval = newcombeInterval(treated, control, alpha)
  if (interval === null) return null
  const estimate = treated.conversions / treated.n - control.conversions / control.n
  const statistic = pooledZ(treated, control, estimate)
  return {
    estimate,
    standardError: standardErrorOfDifference(momentsFromRate(treated), momentsFromRate(control)),
    interval,
    statistic,
    p: twoSidedNormalP(statistic),
  }
}

/** 0 where everybody or nobody converted: the arms are alike and there is no variance to divide by. */
function pooledZ(treated: RateCounts, control: RateCounts, estimate: number): number {
  const pooled = (treated.conversions + control.conversions) / (treated.n + control.n)
  const variance = pooled * (1 - pooled) * (1 / treated.n + 1 / control.n)
  return variance === 0 ? 0 : estimate / Math.sqrt(variance)
}

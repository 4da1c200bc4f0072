import { ALPHA_DEFAULT, type Interval } from './difference.ts'

/** N*: customers (both arms) at which the interval is tightest; any value is valid. */
const TIGHTEST_AT_CUSTOMERS = 5000

/**
 * Interval and p that stay valid however often somebody looks: the asymptotic confidence sequence of
 * Waudby-Smith et al. (arXiv 2103.06476). `n` counts the customers of both arms. Early variances are too
 * small for it, so ask `anytimeGuard` first. Null where the standard error is 0, as the width would be.
 */
export function anytimeValid(input: {
  estimate: number
  standardError: number
  n: number
  alpha?: number
  tightestAtCustomers?: number
}): { interval: Interval; p: number } | null {
  const { estimate, standardError, n, alpha = ALPHA_DEFAULT } = input
  if (!(standardError > 0) || !(n > 0)) return null
  const rhoSquared = anytimeRho(alpha, input.tightestAtCustomers) ** 2
  const spread = n * rhoSquared + 1
  const half =
    standardError *
    Math.sqrt(n) *
    Math.sqrt(((2 * spread) / (n * n * rhoSquared)) * Math.log(Math.sqrt(spread) / alpha))
  const z = estimate / standardError
  return {
    interval: { lower: estimate - half, upper: estimate + half },
    p: Math.min(1, Math.sqrt(spread) * Math.exp((-rhoSquared * n * z * z) / (2 * spread))),
  }
}

/** ρ = √((−2 ln α + ln(−2 ln α + 1)) / N*). */
export function anytimeRho(alpha: number, tightestAtCustomers: number = TIGHTEST_AT_CUSTOMERS): number {
  const a = -2 * Math.log(alpha)
  return Math.sqrt((a + Math.log(a + 1)) / tightestAtCustomers)
}

import { ALPHA_DEFAULT, type Interval } from './difference.ts'
import { normalQuantile } from './distributions.ts'

/** Customers of one arm and how many of them converted. */
export interface RateCounts {
  n: number
  conversions: number
}

/**
 * Wilson's score interval of one rate (Wilson 1927), without continuity correction.
 * With no customers nothing is known: [0, 1].
 */
export function wilsonInterval(counts: RateCounts, alpha: number = ALPHA_DEFAULT): Interval {
  assertCounts(counts)
  const { n, conversions } = counts
  if (n === 0) return { lower: 0, upper: 1 }
  const z = normalQuantile(1 - alpha / 2)
  const rate = conversions / n
  const shrink = 1 + (z * z) / n
  const centre = (rate + (z * z) / (2 * n)) / shrink
  const half = (z * Math.sqrt((rate * (1 - rate)) / n + (z * z) / (4 * n * n))) / shrink
  // At the ends the bound is exactly 0 or 1; rounding would leave it an ulp outside.
  return {
    lower: conversions === 0 ? 0 : centre - half,
    upper: conversions === n ? 1 : centre + half,
  }
}

/** Throws on counts that no arm can have: that is a fault of the caller, not of the data. */
export function assertCounts({ n, conversions }: RateCounts): void {
  if (!(Number.isInteger(n) && Number.isInteger(conversions) && conversions >= 0 && conversions <= n)) {
    throw new RangeError(`counts must be integers with 0 <= conversions <= n: ${conversions} of ${n}`)
  }
}

/** Customers that count for an even spread in a cohort's activity; events for the cohort's in a customer's. */
const evenCustomers = 20
const cohortEvents = 24
/** Of the slope, before anything is known of it: one in six below 0, one in six above a half. */
const slopePrior = { mean: 0.25, precision: 16 }

/**
 * Mean of the customers' shares of activity in one hour, shrunk to an even spread over the hours.
 *
 * @param sum of the shares, @param observed customers in it, @param hours that there are
 */
export function shrunkShare(sum: number, observed: number, hours: number): number {
  return (sum + evenCustomers / hours) / (observed + evenCustomers)
}

/**
 * Log of a customer's share of activity in an hour, shrunk to the cohort's share π, over π:
 * `ln((n/π + κ) / (N + κ))`. 0 for somebody without activity, and for somebody like the cohort.
 *
 * @param cohortShare π in (0, 1], @param count n, events in this hour of the week, @param total N, in all
 */
export function logAffinity(cohortShare: number, count: number, total: number): number {
  return Math.log((count / cohortShare + cohortEvents) / (total + cohortEvents))
}

/**
 * What a unit of log affinity adds to the logit of a response: a normal posterior in natural parameters,
 * each observation adding h·f² to the precision and f·(h·z + y − p) to the evidence, z = slope·f.
 */
export function affinitySlope(
  precisionGained: number,
  evidenceGained: number,
): { mean: number; variance: number } {
  const precision = slopePrior.precision + precisionGained
  return {
    mean: (slopePrior.precision * slopePrior.mean + evidenceGained) / precision,
    variance: 1 / precision,
  }
}

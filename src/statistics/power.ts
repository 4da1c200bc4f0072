import { ALPHA_DEFAULT } from './difference.ts'
import { normalCdf, normalQuantile } from './distributions.ts'

/** What is to be told apart: the control's rate and the treated rate that would be worth having. */
export interface RatesToTellApart {
  controlRate: number
  treatedRate: number
  /** Two-sided. */
  alpha?: number
}

/**
 * Chance that the two-proportion z test finds the difference, with these many customers in each arm
 * (Fleiss, Levin & Paik 2003, 4.2, without continuity correction; equals R's `power.prop.test`).
 */
export function powerForRates(input: RatesToTellApart & { treated: number; control: number }): number {
  const { treated, control } = input
  if (!(treated > 0 && control > 0)) return 0
  return normalCdf(signal(input, treated / (treated + control), treated + control))
}

/**
 * Customers needed, before launch, to find the difference with the given power in one look at the end;
 * `treatedShare` in (0, 1) is the part that is treated. Reading the anytime-valid interval instead costs
 * about 1.64 times the width at 40,000 customers, hence about 2.7 times as many customers.
 */
export function customersForRates(input: RatesToTellApart & { treatedShare: number; power?: number }): {
  treated: number
  control: number
} {
  const { treatedShare, power = 0.8 } = input
  if (!(treatedShare > 0 && treatedShare < 1)) throw new RangeError('treatedShare must lie in (0, 1)')
  const { gap, ifAlike, ifDifferent, zAlpha } = terms(input, treatedShare)
  const total = ((zAlpha * ifAlike + normalQuantile(power) * ifDifferent) / gap) ** 2
  return { treated: Math.ceil(total * treatedShare), control: Math.ceil(total * (1 - treatedShare)) }
}

/** Whole days until that many customers have come in. */
export function daysForCustomers(customers: number, customersPerDay: number): number {
  if (!(customersPerDay > 0)) return Number.POSITIVE_INFINITY
  return Math.ceil(customers / customersPerDay)
}

function signal(rates: RatesToTellApart, treatedShare: number, total: number): number {
  const { gap, ifAlike, ifDifferent, zAlpha } = terms(rates, treatedShare)
  return (gap * Math.sqrt(total) - zAlpha * ifAlike) / ifDifferent
}

/** Standard errors times √total, under "no difference" (pooled rate) and under the difference itself. */
function terms({ controlRate, treatedRate, alpha = ALPHA_DEFAULT }: RatesToTellApart, treatedShare: number) {
  for (const rate of [controlRate, treatedRate]) {
    if (!(rate > 0 && rate < 1)) throw new RangeError(`rates must lie in (0, 1), got ${rate}`)
  }
  if (controlRate === treatedRate) throw new RangeError('equal rates cannot be told apart')
  const controlShare = 1 - treatedShare
  const pooled = treatedShare * treatedRate + controlShare * controlRate
  return {
    gap: Math.abs(treatedRate - controlRate),
    ifAlike: Math.sqrt(pooled * (1 - pooled) * (1 / treatedShare + 1 / controlShare)),
    ifDifferent: Math.sqrt(
      (treatedRate * (1 - treatedRate)) / treatedShare + (controlRate * (1 - controlRate)) / controlShare,
    ),
    zAlpha: normalQuantile(1 - alpha / 2),
  }
}

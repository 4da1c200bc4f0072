export interface Interval {
  lower: number
  upper: number
}

/** Treated minus control, with its uncertainty. In the unit of what was compared; p is two-sided. */
export interface Difference {
  estimate: number
  /** Of the estimate, with each arm's own variance; what `anytimeValid` takes. */
  standardError: number
  interval: Interval
  /** z or t, as the function that made it says. */
  statistic: number
  p: number
  /** Present where the statistic is a t. */
  degreesOfFreedom?: number
}

/** Alpha of a 95 % interval. */
export const ALPHA_DEFAULT = 0.05

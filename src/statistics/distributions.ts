import chiSquareCdf from '@stdlib/stats-base-dists-chisquare-cdf'
import normalCdfOf from '@stdlib/stats-base-dists-normal-cdf'
import normalQuantileOf from '@stdlib/stats-base-dists-normal-quantile'
import tCdf from '@stdlib/stats-base-dists-t-cdf'
import tQuantileOf from '@stdlib/stats-base-dists-t-quantile'

/** Standard normal P(Z <= z). */
export function normalCdf(z: number): number {
  return normalCdfOf(z, 0, 1)
}

/** Standard normal quantile of probability `p`. */
export function normalQuantile(p: number): number {
  return normalQuantileOf(p, 0, 1)
}

/** Student's t quantile of probability `p`; the degrees of freedom need not be whole. */
export function tQuantile(p: number, degreesOfFreedom: number): number {
  return tQuantileOf(p, degreesOfFreedom)
}

/** P(|Z| >= |z|). */
export function twoSidedNormalP(z: number): number {
  return 2 * normalCdf(-Math.abs(z))
}

/** P(|T| >= |t|). */
export function twoSidedTP(t: number, degreesOfFreedom: number): number {
  return 2 * tCdf(-Math.abs(t), degreesOfFreedom)
}

/** P(X² >= x). Exact to about 1e-15 absolute: smaller tails come out as 0. */
export function chiSquareUpperTail(x: number, degreesOfFreedom: number): number {
  return Math.max(0, 1 - chiSquareCdf(x, degreesOfFreedom))
}

/**
 * ln Γ(x) for x > 0: Stirling's series (Abramowitz & Stegun 6.1.41), after the recurrence
 * Γ(x+1) = xΓ(x) has moved x above 10, where the first term left out is below 2e-14.
 */
export function logGamma(x: number): number {
  if (!(x > 0)) throw new RangeError(`logGamma needs x > 0, got ${x}`)
  let shifted = x
  let logOfFactors = 0
  while (shifted < 10) {
    logOfFactors += Math.log(shifted)
    shifted += 1
  }
  const inverse = 1 / shifted
  const squared = inverse * inverse
  const series =
    inverse * (1 / 12 + squared * (-1 / 360 + squared * (1 / 1260 + squared * (-1 / 1680 + squared / 1188))))
  return (shifted - 0.5) * Math.log(shifted) - shifted + 0.5 * Math.log(2 * Math.PI) + series - logOfFactors
}

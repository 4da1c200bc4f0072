import { assertCounts, type RateCounts } from './wilson-interval.ts'

/** One arm's sample: customers, their mean, and the variance of one customer's value. */
export interface MeanMoments {
  n: number
  mean: number
  /** With n − 1 for values, p(1 − p) for rates; 0 where n < 2. */
  variance: number
}

/** One arm's sample of an outcome y together with a covariate x known before treatment. */
export interface JointMoments {
  n: number
  meanY: number
  varianceY: number
  meanX: number
  varianceX: number
  covariance: number
}

/** Sums over the customers of one arm: `number`, or `bigint` of whole small units such as micros. */
export interface ValueSums<S extends number | bigint> {
  n: number
  sum: S
  sumOfSquares: S
}

export interface JointSums<S extends number | bigint> {
  n: number
  sumY: S
  sumOfSquaresY: S
  sumX: S
  sumOfSquaresX: S
  sumOfProducts: S
}

/** Moments from floating sums. */
export function momentsFromSums({ n, sum, sumOfSquares }: ValueSums<number>): MeanMoments {
  return { n, mean: mean(n, sum), variance: Math.max(0, covariance(n, sum, sum, sumOfSquares)) }
}

/**
 * Moments from whole-number sums, exact up to the final division: n·Σy² − (Σy)² loses every digit in
 * doubles once the mean is large against the spread, and int8 overflows on micros².
 * `unitsPerWhole` is 1,000,000 for sums in micros when the result shall be in whole currency.
 */
export function momentsFromIntegers(
  { n, sum, sumOfSquares }: ValueSums<bigint>,
  unitsPerWhole: number,
): MeanMoments {
  return {
    n,
    mean: mean(n, Number(sum)) / unitsPerWhole,
    variance: integerCovariance(n, sum, sum, sumOfSquares) / unitsPerWhole ** 2,
  }
}

/** Moments of a rate: each customer is 1 or 0, variance p(1 − p). */
export function momentsFromRate(counts: RateCounts): MeanMoments {
  assertCounts(counts)
  const rate = mean(counts.n, counts.conversions)
  return { n: counts.n, mean: rate, variance: rate * (1 - rate) }
}

/** Joint moments from floating sums. */
export function jointMomentsFromSums(sums: JointSums<number>): JointMoments {
  const { n, sumY, sumX } = sums
  return {
    n,
    meanY: mean(n, sumY),
    varianceY: Math.max(0, covariance(n, sumY, sumY, sums.sumOfSquaresY)),
    meanX: mean(n, sumX),
    varianceX: Math.max(0, covariance(n, sumX, sumX, sums.sumOfSquaresX)),
    covariance: covariance(n, sumY, sumX, sums.sumOfProducts),
  }
}

/** Joint moments from whole-number sums, as `momentsFromIntegers`; y and x may have different units. */
export function jointMomentsFromIntegers(
  sums: JointSums<bigint>,
  unitsPerWholeY: number,
  unitsPerWholeX: number,
): JointMoments {
  const { n, sumY, sumX } = sums
  return {
    n,
    meanY: mean(n, Number(sumY)) / unitsPerWholeY,
    varianceY: integerCovariance(n, sumY, sumY, sums.sumOfSquaresY) / unitsPerWholeY ** 2,
    meanX: mean(n, Number(sumX)) / unitsPerWholeX,
    varianceX: integerCovariance(n, sumX, sumX, sums.sumOfSquaresX) / unitsPerWholeX ** 2,
    covariance: integerCovariance(n, sumY, sumX, sums.sumOfProducts) / (unitsPerWholeY * unitsPerWholeX),
  }
}

function mean(n: number, sum: number): number {
  return n === 0 ? 0 : sum / n
}

function covariance(n: number, sumA: number, sumB: number, sumAB: number): number {
  return n < 2 ? 0 : (sumAB - (sumA / n) * sumB) / (n - 1)
}

function integerCovariance(n: number, sumA: bigint, sumB: bigint, sumAB: bigint): number {
  if (n < 2) return 0
  const count = BigInt(n)
  return Number(count * sumAB - sumA * sumB) / Number(count * (count - 1n))
}

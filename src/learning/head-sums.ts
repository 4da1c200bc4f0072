import { type BayesianHead, curvature, logistic, logit } from './bayesian-head.ts'
import { symmetricInverse } from './symmetric-inverse.ts'

/**
 * What observations add to a head, in natural parameters: sums, so that partitions learn apart, emit what
 * theirs add, and a merger adds it up in any order. Matrices are lower triangles row by row.
 */
export interface HeadSums {
  /** Σh·xxᵀ, D(D+1)/2 numbers. */
  precision: Float64Array
  /** Σx(h·z + y − p), shape (D). */
  eta: Float64Array
  /** How many observations; a discounted one counts as its weight. */
  weight: number
}

/** Where a head starts: Λ₀ and Λ₀w₀. Kept apart from what was learned, so that forgetting never forgets it. */
export interface HeadPrior {
  precision: Float64Array
  eta: Float64Array
}

export function createHeadSums(dimensions: number): HeadSums {
  const triangle = (dimensions * (dimensions + 1)) / 2
  return { precision: new Float64Array(triangle), eta: new Float64Array(dimensions), weight: 0 }
}

/** N(0, I), as new heads have it. */
export function standardPrior(dimensions: number): HeadPrior {
  const { precision, eta } = createHeadSums(dimensions)
  for (let i = 0; i < dimensions; i += 1) precision[(i * (i + 3)) / 2] = 1
  return { precision, eta }
}

/** N(w₀, P₀) of an inherited head; null when P₀ cannot be inverted. */
export function priorOf({ weights, covariance }: BayesianHead): HeadPrior | null {
  const precision = symmetricInverse(covariance, weights.length)
  return precision === null ? null : { precision, eta: times(precision, weights) }
}

/**
 * Adds what the observation is worth at `head`, the partition's own before it learns from it:
 *
 *     ΔΛ = h·xxᵀ,  Δη = x(h·z + y − p),  z = xᵀw, p = σ(z), h = max(p(1−p), .05)
 *
 * @param weight what the observation counts under forgetting, in sums that stand for the day of the merge: both
 *   are multiplied by it
 */
export function addToSums(sums: HeadSums, head: BayesianHead, x: Float64Array, y: 0 | 1, weight = 1): void {
  const z = logit(head, x)
  const p = logistic(z)
  const h = curvature(p)
  const { precision, eta } = sums
  for (let i = 0, row = 0; i < x.length; i += 1, row += i) {
    const xi = x[i]!
    if (xi === 0) continue
    const hxi = weight * h * xi
    for (let j = 0; j <= i; j += 1) precision[row + j]! += hxi * x[j]!
    eta[i]! += weight * xi * (h * z + y - p)
  }
  sums.weight += weight
}

/**
 * An earlier `addToSums(…, x, 0)` should have been a 1: η is linear in y, so x is added, whenever that is and
 * in whichever partition. Λ does not depend on y.
 *
 * @param share what is left of the observation under forgetting, `shareLeft(days since)`: without it the
 *   correction would outweigh what it corrects
 */
export function correctSums({ eta }: HeadSums, x: Float64Array, share = 1): void {
  for (let i = 0; i < x.length; i += 1) eta[i]! += share * x[i]!
}

/** `into` += `from`. */
export function mergeSums(into: HeadSums, from: HeadSums): void {
  for (let at = 0; at < from.precision.length; at += 1) into.precision[at]! += from.precision[at]!
  for (let i = 0; i < from.eta.length; i += 1) into.eta[i]! += from.eta[i]!
  into.weight += from.weight
}

/**
 * Forgetting, for a world that drifts: what was learned so far counts `share` as much, the prior stays what it
 * was. The learner forgets by days (`forgetting.ts`): before a day's observations are merged, the sums are
 * discounted with `shareLeft(days)`, and a direction that nobody shows any more goes back to the prior instead of
 * blowing up. Partitions whose sums are of several days are each discounted to the day of the merge: the order of
 * merging has no say. Together with corrections: see `correctSums`.
 */
export function discountSums(sums: HeadSums, share: number): void {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`a share of ${share}, not between 0 and 1`)
  for (let at = 0; at < sums.precision.length; at += 1) sums.precision[at]! *= share
  for (let i = 0; i < sums.eta.length; i += 1) sums.eta[i]! *= share
  sums.weight *= share
}

/**
 * The head that prior and sums stand for: P = (Λ₀ + ΣΔΛ)⁻¹ by Cholesky, w = P(Λ₀w₀ + ΣΔη); D³ operations. Null
 * when the precision is not positive definite, which no sum of observations brings about.
 */
export function solveHead(prior: HeadPrior, sums: HeadSums): BayesianHead | null {
  const precision = prior.precision.map((value, at) => value + sums.precision[at]!)
  const covariance = symmetricInverse(precision, prior.eta.length)
  if (covariance === null) return null
  const eta = prior.eta.map((value, i) => value + sums.eta[i]!)
  return { weights: times(covariance, eta), covariance }
}

/** Symmetric matrix times vector. */
function times(matrix: Float64Array, vector: Float64Array): Float64Array {
  const product = new Float64Array(vector.length)
  for (let i = 0, at = 0; i < vector.length; i += 1) {
    for (let j = 0; j < i; j += 1, at += 1) {
      product[i]! += matrix[at]! * vector[j]!
      product[j]! += matrix[at]! * vector[i]!
    }
    product[i]! += matrix[at]! * vector[i]!
    at += 1
  }
  return product
}

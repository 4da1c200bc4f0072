import { normalCdf } from './distributions.ts'

/** Beyond this many standard deviations the normal distribution is left out: 2·10⁻⁹ of it. */
const reach = 6
/** Of the narrowest distribution: the trapezoidal rule on a bell curve is exact to 10⁻⁷ from here down. */
const stepInDeviations = 0.5
const pointsMax = 400

/**
 * P(X_a is the largest) for independent normals: `∫ φ_a(s) Π_{b≠a} Φ_b(s) ds` by the trapezoidal rule, which
 * converges faster than any power of the step for such curves (Trefethen & Weideman 2014), then scaled to
 * sum to 1 exactly. Thompson sampling draws `a` as often.
 *
 * @param means μ, shape (K), K ≥ 1
 * @param deviations σ, shape (K), each above 0
 * @returns p, shape (K)
 */
export function bestOfNormals(means: ArrayLike<number>, deviations: ArrayLike<number>): Float64Array {
  const count = means.length
  const best = new Float64Array(count)
  let from = Number.NEGATIVE_INFINITY
  let until = Number.NEGATIVE_INFINITY
  let narrowest = Number.POSITIVE_INFINITY
  for (let a = 0; a < count; a += 1) {
    from = Math.max(from, means[a]! - reach * deviations[a]!)
    until = Math.max(until, means[a]! + reach * deviations[a]!)
    narrowest = Math.min(narrowest, deviations[a]!)
  }
  const points = Math.min(pointsMax, Math.max(32, Math.ceil((until - from) / (stepInDeviations * narrowest))))
  const below = new Float64Array(count)
  const density = new Float64Array(count)
  for (let point = 0; point <= points; point += 1) {
    const s = from + ((until - from) * point) / points
    for (let a = 0; a < count; a += 1) {
      const z = (s - means[a]!) / deviations[a]!
      const isBelow = z > reach
      below[a] = isBelow ? 1 : normalCdf(z)
      density[a] = isBelow ? 0 : Math.exp(-0.5 * z * z) / deviations[a]!
    }
    addPoint(best, below, density)
  }
  return scaled(best)
}

/** Density of each times the products of all others: from both sides, since a factor may be 0. */
function addPoint(best: Float64Array, below: Float64Array, density: Float64Array): void {
  let before = 1
  for (let a = 0; a < best.length; a += 1) {
    density[a]! *= before
    before *= below[a]!
  }
  let after = 1
  for (let a = best.length - 1; a >= 0; a -= 1) {
    best[a]! += density[a]! * after
    after *= below[a]!
  }
}

function scaled(best: Float64Array): Float64Array {
  let sum = 0
  for (const p of best) sum += p
  // A bell far narrower than the grid can fall between two points; then nobody is known to be best.
  if (!(sum > 0)) return best.fill(1 / best.length)
  for (let a = 0; a < best.length; a += 1) best[a]! /= sum
  return best
}

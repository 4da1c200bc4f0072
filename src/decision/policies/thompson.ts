import { normalCdf, normalQuantile } from '#statistics/distributions.ts'
import { gaussLegendre } from '#statistics/gauss-legendre.ts'
import type { DrawPolicy } from '../draw-policy.ts'
import type { ScoreSpread } from '../score-spread.ts'

/**
 * Each candidate as often as it is the best one under the posterior (Thompson 1933), with propensities that
 * are worked out instead of sampled: for candidate a with posterior logit z,
 *
 *     p(a) = ∫ [s_a(z) > 0] Π_{b≠a} P(s_b ≤ s_a(z)) dN(z)        p(nothing) = Π_a P(s_a ≤ 0)
 *
 * then the p(a) are scaled so that all sum to 1, and the floor is mixed in. A score is clipped at −cost and
 * "nothing" is exactly 0, so the integrand jumps; Gauss-Hermite nodes straddle the jump. So the part above it
 * is integrated by quantiles, where Gauss-Legendre sees a smooth curve (ADR 27).
 */
export const policy: DrawPolicy<'thompson'> = {
  kind: 'thompson',
  needsSpread: true,
  gamma: () => 0,
  write(into, { count, spread }, { floor }) {
    if (spread === null) throw new TypeError('Thompson sampling needs to know how well scores are known')
    const candidates = count - 1
    const lows = new Float64Array(candidates)
    let nothing = 1
    let bar = 0
    for (let a = 0; a < candidates; a += 1) {
      lows[a] = belowOf(spread, a, 0)
      nothing *= lows[a]!
      bar = Math.max(bar, scoreAt(spread, a, -reach))
    }
    const contenders: number[] = []
    for (let a = 0; a < candidates; a += 1) {
      into[a] = 0
      // Below the bar somebody is all but certainly better: only the floor is left.
      if (scoreAt(spread, a, reach) >= bar) contenders.push(a)
    }
    let sum = 0
    for (const a of contenders) {
      into[a] = probabilityBest(spread, a, lows[a]!, contenders)
      sum += into[a]!
    }
    const even = floor / count
    const scale = sum > 0 ? (1 - nothing) / sum : 0
    let rest = 1
    for (let a = 0; a < candidates; a += 1) {
      into[a] = (1 - floor) * into[a]! * scale + even
      rest -= into[a]!
    }
    into[candidates] = Math.max(even, rest)
  },
}

/** Standard deviations within which a logit lies, all but 2·10⁻⁹. */
const reach = 6
/** A score that is known exactly has this spread of its logit: several such share a tie. */
const deviationMin = 1e-6
const { nodes, weights } = gaussLegendre(16)

/** @param low P(s_a ≤ 0) */
function probabilityBest(spread: ScoreSpread, a: number, low: number, contenders: readonly number[]): number {
  if (low >= 1) return 0
  let sum = 0
  for (let i = 0; i < nodes.length; i += 1) {
    // From above: 1 − u keeps its digits where `low` is close to 1.
    const z = -normalQuantile((1 - low) * (1 - nodes[i]!))
    const s = scoreAt(spread, a, Math.min(reach, z))
    let product = weights[i]!
    for (const b of contenders) if (b !== a) product *= belowOf(spread, b, s)
    sum += product
  }
  return sum * (1 - low)
}

/** s_a at so many standard deviations from the mean of its logit. */
function scoreAt({ logits, deviations, thresholds, worths, costs }: ScoreSpread, a: number, z: number) {
  const logit = logits[a]! + Math.max(deviations[a]!, deviationMin) * z
  return Math.max(0, 1 / (1 + Math.exp(-logit)) - thresholds[a]!) * worths[a]! - costs[a]!
}

/** P(s_b ≤ s) */
function belowOf(spread: ScoreSpread, b: number, s: number): number {
  const { logits, deviations, thresholds, worths, costs } = spread
  if (s < -costs[b]!) return 0
  const p = (s + costs[b]!) / worths[b]! + thresholds[b]!
  if (!(p < 1)) return 1
  if (p <= 0) return 0
  return normalCdf((Math.log(p / (1 - p)) - logits[b]!) / Math.max(deviations[b]!, deviationMin))
}

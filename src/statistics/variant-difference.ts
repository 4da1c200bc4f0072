import { type AnytimeGuardResult, anytimeGuard } from './anytime-guard.ts'
import { anytimeValid } from './anytime-valid.ts'
import type { Interval } from './difference.ts'

/** One draw among the variants of a treatment, and what came of it. */
export interface VariantDraw {
  /** `other`: a third variant. */
  drawn: 'champion' | 'challenger' | 'other'
  /** The logged probabilities of the two, above 0. */
  championProbability: number
  challengerProbability: number
  reward: 0 | 1
}

export interface VariantArm {
  draws: number
  conversions: number
  /** Rewards weighted by 1/p over the weights: the rate that it would have if it were always drawn. */
  rate: number | null
  /** (Σw)² ÷ Σw². */
  effectiveRows: number
}

export interface VariantDifference {
  draws: number
  champion: VariantArm
  challenger: VariantArm
  /** Challenger less champion, for one draw. */
  estimate: number
  standardError: number
  guard: AnytimeGuardResult
  /** Valid however often somebody looks; null while the guard says that it is too early. */
  interval: Interval | null
}

/**
 * What a challenger would earn more than the champion if each were always drawn, from draws whose probabilities
 * were logged and may have changed with what was learned meanwhile. Each draw gives
 *
 *     φ = (m₁ − m₀) + 1{challenger}·(y − m₁)/p₁ − 1{champion}·(y − m₀)/p₀
 *
 * where m are the weighted rates of the draws before it, drawn to 5 % as if by 20 draws: given the past its expectation
 * is the difference, whatever m and however p came about (augmented inverse propensity weighting), so that the
 * asymptotic confidence sequence of `anytimeValid` holds for the mean of φ (Waudby-Smith et al., arXiv
 * 2103.06476, section 3). Draws must come in the order in which they were made.
 */
export function variantDifference(draws: Iterable<VariantDraw>): VariantDifference {
  const sums = { champion: emptySums(), challenger: emptySums() }
  let n = 0
  let mean = 0
  let squares = 0
  for (const { drawn, championProbability, challengerProbability, reward } of draws) {
    const m0 = rateOf(sums.champion)
    const m1 = rateOf(sums.challenger)
    let phi = m1 - m0
    if (drawn === 'challenger') phi += (reward - m1) / challengerProbability
    if (drawn === 'champion') phi -= (reward - m0) / championProbability
    n += 1
    const off = phi - mean
    mean += off / n
    squares += off * (phi - mean)
    if (drawn === 'challenger') add(sums.challenger, 1 / challengerProbability, reward)
    if (drawn === 'champion') add(sums.champion, 1 / championProbability, reward)
  }
  const arms = { champion: armOf(sums.champion), challenger: armOf(sums.challenger) }
  const standardError = n < 2 ? 0 : Math.sqrt(squares / (n - 1) / n)
  const counts = [arms.champion, arms.challenger].map((arm) => ({
    n: arm.draws,
    conversions: arm.conversions,
  }))
  const guard = anytimeGuard({ kind: 'binary', arms: counts })
  const valid = guard.kind === 'ok' ? anytimeValid({ estimate: mean, standardError, n }) : null
  return { draws: n, ...arms, estimate: mean, standardError, guard, interval: valid?.interval ?? null }
}

interface Sums {
  draws: number
  conversions: number
  weights: number
  squares: number
  rewards: number
}

function emptySums(): Sums {
  return { draws: 0, conversions: 0, weights: 0, squares: 0, rewards: 0 }
}

function add(sums: Sums, weight: number, reward: 0 | 1): void {
  sums.draws += 1
  sums.conversions += reward
  sums.weights += weight
  sums.squares += weight * weight
  sums.rewards += weight * reward
}

/** Drawn to 5 %, as if 20 draws had had that rate: the first few would swing it. */
function rateOf({ weights, rewards }: Sums): number {
  return (rewards + 1) / (weights + 20)
}

function armOf({ draws, conversions, weights, squares, rewards }: Sums): VariantArm {
  const effectiveRows = squares === 0 ? 0 : (weights * weights) / squares
  return { draws, conversions, rate: weights === 0 ? null : rewards / weights, effectiveRows }
}

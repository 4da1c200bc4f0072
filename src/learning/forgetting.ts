import { dayUtcOf } from '#platform/ids/ids.ts'
import type { BayesianHead } from './bayesian-head.ts'
import type { LearnerHead, LearnerState } from './learner-state.ts'
import { fadeTail } from './sparse-tail.ts'
import { fadeTallies } from './stage-tallies.ts'
import { symmetricProduct } from './symmetric-product.ts'
import { discountedCovariance } from './widened-covariance.ts'

/**
 * Forgetting, for a world that drifts: an observation about a decision of d UTC days ago counts
 *
 *     c = 2^(−d / halfLifeDays)
 *
 * as much as one of today, in heads, variants and hours alike. In natural parameters a head is its prior and a sum,
 *
 *     Λ = I + Σ c·h·xxᵀ,   η = w₀ + Σ c·x(h·z + y − p),   w = Λ⁻¹η
 *
 * so that nothing is ever forgotten of the prior N(w₀, I), w₀ being where the head started: what nobody shows any
 * more goes back there, and is tried again. The same factor for all sums is what keeps them mergeable in any order
 * (`discountSums`), and a weight by the decision's day, not by when it was told, lets a late reward and a late
 * correction count as what they tell of, in whichever order they come.
 *
 * As days pass all sums fade by the same f = 2^(−days/halfLifeDays). For a head that is kept as (w, P = Λ⁻¹):
 *
 *     Λ' = I + f(Λ − I) = fΛ + (1 − f)I
 *     Λ'w' = w₀ + f(Λw − w₀) = Λ'w − (1 − f)(w − w₀),   so   w' = w − (1 − f)·P'(w − w₀)
 *
 * That is D³, once a day for each head (1.6 ms at 64 dimensions); a reward still costs D². The steps h, z and p were
 * taken at what was known then and are not taken again, as without forgetting.
 *
 * `day` is the UTC day, by the row's `created_at`, of the reward that is learned next: the state stays a function of
 * the rewards in their order. The first day that a state is brought to forgets nothing. Without a half-life nothing
 * more is forgotten.
 */
export function forgetUntil(state: LearnerState, day: number, halfLifeDays: number | null): void {
  if (halfLifeDays === null) {
    state.forgetting = null
    return
  }
  const from = state.forgetting?.day ?? day
  state.forgetting = { halfLifeDays, day: Math.max(from, day), since: state.forgetting?.since ?? day }
  if (day <= from) return
  const share = shareLeft(day - from, halfLifeDays)
  for (const head of state.heads.values()) {
    if (fadeHead(head.model, head.start, share)) head.weight = share * evidenceOf(head)
    fadeTail(head.tail, share)
  }
  fadeTallies(state.stages, share)
}

/**
 * What an observation about that decision counts in the state by now: of one from before forgetting began nothing
 * was forgotten until then.
 */
export function weightOf({ forgetting }: LearnerState, decidedAt: number | undefined): number {
  if (forgetting === null || decidedAt === undefined) return 1
  const { day, since, halfLifeDays } = forgetting
  return shareLeft(Math.max(0, day - Math.max(since, dayUtcOf(decidedAt))), halfLifeDays)
}

/** Of an observation, after so many days. */
export function shareLeft(days: number, halfLifeDays: number): number {
  return 2 ** (-days / halfLifeDays)
}

/**
 * All that was learned counts `share` as much; `start` is w₀, 0 where it is left out. False where rounding has broken
 * the matrix: such a head stays as it is.
 */
export function fadeHead(head: BayesianHead, start: Float64Array | undefined, share: number): boolean {
  const { weights, covariance } = head
  const dimensions = weights.length
  const faded = discountedCovariance(covariance, dimensions, share)
  if (faded === null) return false
  const learned = weights.map((weight, i) => weight - (start?.[i] ?? 0))
  const back = new Float64Array(dimensions)
  symmetricProduct(faded, learned, back)
  for (let i = 0; i < dimensions; i += 1) weights[i]! -= (1 - share) * back[i]!
  head.covariance = faded
  return true
}

/** Rewards that a head knows by now: what is left of them. */
export function evidenceOf({ weight, rewards }: Pick<LearnerHead, 'weight' | 'rewards'>): number {
  return weight ?? rewards
}

/** t of a snapshot of this state, 1 + rewards in it: what is forgotten has to be explored anew. */
export function explorationTime({ rewards, heads }: LearnerState): number {
  let forgotten = 0
  for (const head of heads.values()) forgotten += head.rewards - evidenceOf(head)
  return Math.max(1, 1 + rewards - forgotten)
}

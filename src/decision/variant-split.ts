import type { CampaignSpec, TreatmentSpec } from '#contracts/campaign.ts'
import type { PolicySnapshot } from '#contracts/decision.ts'
import { variantKey } from '#contracts/stages.ts'
import { bestOfNormals } from '#statistics/best-of-normals.ts'

/** Share that stays with the marketer's weights however sure we are. */
const floorShare = 0.05
/** What a variant inherits from its treatment and its tags weighs as much as so many sends. */
const priorSends = 50
/** A tag has to earn or miss about so many rewards before it says anything. */
const tagRewards = 10

/** Snapshots and resolved specs are immutable and shared. */
const splits = new WeakMap<PolicySnapshot, WeakMap<CampaignSpec, (Float64Array | null)[]>>()

/**
 * Probabilities of a treatment's variants, null where nothing is known of them and the marketer's weights
 * alone decide.
 *
 * Each variant's response rate has a beta posterior, by moments a normal: the prior mean is the treatment's
 * rate times the lifts of the template's tags in the campaign's other variants. A variant is drawn in
 * proportion to `weight × P(it is the best)`, so that weights are what is drawn before anything is known, and
 * 5 % stay with the weights for ever.
 */
export function variantSplit(
  snapshot: PolicySnapshot,
  spec: CampaignSpec,
  treatmentIndex: number,
): Float64Array | null {
  if (snapshot.variants === undefined || snapshot.variants.size === 0) return null
  let bySpec = splits.get(snapshot)
  if (bySpec === undefined) {
    bySpec = new WeakMap()
    splits.set(snapshot, bySpec)
  }
  let ofSpec = bySpec.get(spec)
  if (ofSpec === undefined) {
    ofSpec = splitsOf(snapshot.variants, spec)
    bySpec.set(spec, ofSpec)
  }
  return ofSpec[treatmentIndex] ?? null
}

interface Seen {
  sends: number
  rewards: number
  tags: readonly string[]
}

function splitsOf(
  variants: ReadonlyMap<string, Float64Array>,
  { campaignId, treatments }: CampaignSpec,
): (Float64Array | null)[] {
  const seen = treatments.map(({ treatmentId, variants: own }) =>
    own.map(({ variantId, template }): Seen => {
      const numbers = variants.get(variantKey(campaignId, treatmentId, variantId))
      return { sends: numbers?.[0] ?? 0, rewards: numbers?.[1] ?? 0, tags: template.tags ?? [] }
    }),
  )
  const campaignRate = rateOf(seen.flat(), 0.05, 20)
  const rates = seen.map((own) => rateOf(own, campaignRate, priorSends))
  const liftOf = createTagLifts(seen, rates)
  return treatments.map((treatment, index) =>
    splitOf(
      treatment,
      seen[index]!,
      seen[index]!.map((variant) => rates[index]! * liftOf(variant, rates[index]!)),
    ),
  )
}

function splitOf(
  { variants }: TreatmentSpec,
  seen: readonly Seen[],
  priorRates: readonly number[],
): Float64Array | null {
  const known = seen.some(({ sends }) => sends > 0) || new Set(priorRates).size > 1
  if (variants.length < 2 || !known) return null
  const means = new Float64Array(variants.length)
  const deviations = new Float64Array(variants.length)
  seen.forEach(({ sends, rewards }, v) => {
    const prior = Math.min(0.9, priorRates[v]!)
    const mean = (rewards + priorSends * prior) / (sends + priorSends)
    means[v] = mean
    deviations[v] = Math.sqrt((mean * (1 - mean)) / (sends + priorSends + 1))
  })
  const split = bestOfNormals(means, deviations)
  let weights = 0
  let products = 0
  variants.forEach(({ weight }, v) => {
    weights += weight
    split[v]! *= weight
    products += split[v]!
  })
  variants.forEach(({ weight }, v) => {
    const learned = products > 0 ? split[v]! / products : weight / weights
    split[v] = (1 - floorShare) * learned + floorShare * (weight / weights)
  })
  return split
}

/** Rewards per send, shrunk to `prior` as if it had been seen in so many sends. */
function rateOf(seen: readonly Seen[], prior: number, sends: number): number {
  let rewards = prior * sends
  let total = sends
  for (const each of seen) {
    rewards += each.rewards
    total += each.sends
  }
  return rewards / total
}

/** How much more the other variants with these tags earn than their treatments do: product over the tags. */
function createTagLifts(seen: readonly Seen[][], rates: readonly number[]) {
  const byTag = new Map<string, { rewards: number; expected: number }>()
  seen.forEach((own, treatment) => {
    for (const { sends, rewards, tags } of own) {
      for (const tag of new Set(tags)) {
        const sums = byTag.get(tag) ?? { rewards: 0, expected: 0 }
        sums.rewards += rewards
        sums.expected += sends * rates[treatment]!
        byTag.set(tag, sums)
      }
    }
  })
  return ({ sends, rewards, tags }: Seen, rate: number): number => {
    let lift = 1
    for (const tag of new Set(tags)) {
      const sums = byTag.get(tag)!
      lift *= (sums.rewards - rewards + tagRewards) / (sums.expected - sends * rate + tagRewards)
    }
    return lift
  }
}

import { type DecodedDecision, headKey, nothingHead, type PolicySnapshot } from '#contracts/decision.ts'
import { featureNamesOf } from './feature-schemas.ts'

/** What one feature adds to the log-odds of a response: its weight times its value. */
export interface Contribution {
  name: string
  value: number
  logOdds: number
}

/** What the slots of a customer's tail stand for, as far as it is known: a hash does not say. */
export type TailNames = ReadonlyMap<number, string>

/** A decision's features, with the names of the hashed ones. */
type NamedVector = Pick<DecodedDecision, 'features' | 'tail' | 'featureSchema'> & { tailNames: TailNames }

/** Those that are not 0. */
export function namedFeatures({ features, tail, featureSchema, tailNames }: NamedVector) {
  const names = featureNamesOf(featureSchema, features.length)
  const dense = Array.from(features, (value, i) => ({ name: names[i]!, value }))
  const hashed = Array.from(tail.slots, (slot, i) => ({
    name: tailNameOf(slot, tailNames),
    value: tail.values[i]!,
  }))
  return [...dense, ...hashed].filter(({ value }) => value !== 0)
}

function tailNameOf(slot: number, names: TailNames): string {
  return names.get(slot) ?? `tail slot ${slot}`
}

/** Most that are shown for one candidate; the others are summed. */
const shownMax = 12

export interface Contributions {
  /** The largest first, by size; together with `others` they add up to the logit of the response probability. */
  features: Contribution[]
  /** Sum of those not shown. */
  others: number
}

/**
 * Per feature, of a treatment's head or of "nothing". A linear model needs no approximation here: the terms
 * are the ones that the score added up. A head that the snapshot lacks is at its prior and adds nothing.
 */
export function contributionsOf(
  { features, tail, featureSchema, tailNames }: NamedVector,
  snapshot: PolicySnapshot,
  campaignId: string,
  treatmentId: string = nothingHead,
): Contributions {
  const key = headKey(campaignId, treatmentId)
  const weights = snapshot.heads.get(key)
  const names = featureNamesOf(featureSchema, features.length)
  const all: Contribution[] = []
  for (let i = 0; weights !== undefined && i < features.length; i += 1) {
    const value = features[i]!
    const logOdds = weights[i]! * value
    all.push({ name: names[i]!, value, logOdds })
  }
  const own = snapshot.tails?.get(key)
  tail.slots.forEach((slot, i) => {
    const value = tail.values[i]!
    const logOdds = (own?.weights[own.slots.indexOf(slot)] ?? 0) * value
    if (logOdds !== 0) all.push({ name: tailNameOf(slot, tailNames), value, logOdds })
  })
  return sortedContributions(all)
}

/** The largest of those that add something, and the sum of the rest. */
export function sortedContributions(all: readonly Contribution[]): Contributions {
  const sorted = all
    .filter(({ logOdds }) => logOdds !== 0)
    .sort((a, b) => Math.abs(b.logOdds) - Math.abs(a.logOdds))
  const others = sorted.slice(shownMax).reduce((sum, { logOdds }) => sum + logOdds, 0)
  return { features: sorted.slice(0, shownMax), others }
}

import { type DecodedDecision, headKey, nothingHead, type PolicySnapshot } from '#contracts/decision.ts'
import { featureNamesOf } from './feature-schemas.ts'

/** What one feature adds to the log-odds of a response: its weight times its value. */
export interface Contribution {
  name: string
  value: number
  logOdds: number
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
  { features, featureSchema }: Pick<DecodedDecision, 'features' | 'featureSchema'>,
  snapshot: PolicySnapshot,
  campaignId: string,
  treatmentId: string = nothingHead,
): Contributions {
  const weights = snapshot.heads.get(headKey(campaignId, treatmentId))
  const names = featureNamesOf(featureSchema, features.length)
  const all: Contribution[] = []
  for (let i = 0; weights !== undefined && i < features.length; i += 1) {
    const value = features[i]!
    const logOdds = weights[i]! * value
    all.push({ name: names[i]!, value, logOdds })
  }
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

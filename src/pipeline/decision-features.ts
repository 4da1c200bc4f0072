import type { CampaignSpec } from '#contracts/campaign.ts'
import type { DecisionInput } from '#contracts/decision.ts'
import type { FeatureInput, FeatureSchema } from '#contracts/feature-schema.ts'

/** The features of a decision, as its input has them. */
export function featuresFor(
  schema: FeatureSchema,
  input: FeatureInput,
): Pick<DecisionInput, 'features' | 'tail'> {
  const { dense, tail } = schema.vector(input)
  return schema.decidesByTail ? { features: dense, tail } : { features: dense }
}

/**
 * Traits that the campaigns of a decision declare, and what any of them watches over for fairness: nobody is
 * chosen for by that, also not by another campaign's heads in the same decision.
 */
export function featureTraits(
  campaigns: readonly { spec: Pick<CampaignSpec, 'features' | 'fairness'> }[],
): Required<Pick<FeatureInput, 'traits' | 'watched'>> {
  const watched = [...new Set(campaigns.flatMap(({ spec }) => spec.fairness?.attributes ?? none))]
  const traits = [...new Set(campaigns.flatMap(({ spec }) => spec.features))]
  return {
    traits: watched.length === 0 ? traits : traits.filter((trait) => !watched.includes(trait)),
    watched,
  }
}

const none: readonly string[] = []

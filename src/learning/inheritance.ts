import type { CampaignSpec } from '#contracts/campaign.ts'
import { nothingHead } from '#contracts/decision.ts'
import { byHeadKey, type ManifestHead, type SnapshotManifest } from './snapshot-manifest.ts'

export type Known = Pick<SnapshotManifest, 'campaigns' | 'heads'>

/**
 * Heads of the campaign that are not there yet and have somebody to inherit from: a treatment from the
 * other campaign's head of the same offer and channel with most rewards; 'nothing' from the other
 * campaign with most rewards for it, if a treatment of this campaign starts from what was learned (next
 * to treatments that start at one half it starts there too, or none of them would be worth trying).
 * Only campaigns with the same goal give: a head is the probability of its goal.
 */
export function inheritances(known: Known, spec: CampaignSpec): ManifestHead[] {
  const treatments = spec.treatments.map((treatment) => treatment.treatmentId)
  const has = (head: string): boolean =>
    known.heads.some((other) => other.campaignId === spec.campaignId && other.head === head)
  const inherit = (head: string): ManifestHead[] => {
    const donor = has(head) ? null : donorOf(known, spec, head)
    if (donor === null) return []
    return [
      { campaignId: spec.campaignId, head, rewards: 0, meanReward: null, inheritedFrom: donor.campaignId },
    ]
  }
  const inherited = treatments.flatMap(inherit)
  return inherited.length > 0 || treatments.some(has) ? [...inherited, ...inherit(nothingHead)] : []
}

/** The most experienced; among equals the first by campaign id. */
function donorOf(known: Known, spec: CampaignSpec, head: string): ManifestHead | null {
  let donor: ManifestHead | null = null
  for (const other of known.heads.toSorted(byHeadKey)) {
    if (other.head !== head || other.campaignId === spec.campaignId || other.rewards === 0) continue
    if (goalOf(known, other.campaignId) !== spec.goal.id) continue
    if (donor === null || other.rewards > donor.rewards) donor = other
  }
  return donor
}

/** The goal that a campaign's heads predict, as far as known. */
export function goalOf(known: Known, campaignId: string): string | undefined {
  return known.campaigns.find((campaign) => campaign.campaignId === campaignId)?.goalId
}

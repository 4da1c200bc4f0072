import { existsSync, readFileSync } from 'node:fs'
import type { CampaignSpec } from '#contracts/campaign.ts'
import { haveSameDense } from '#contracts/feature-schema.ts'
import type { ManifestHead, SnapshotManifest } from './snapshot-manifest.ts'

/** What ships in `models/starter/policy.json`: weights to start a channel's treatments from. */
export interface StarterPolicy {
  version: 1
  featureSchema: string
  featureSchemaHash: string
  /** By channel, one weight per dimension. */
  channels: Record<string, number[]>
}

const file = new URL('../../models/starter/policy.json', import.meta.url)

/** The starter; null where the file was taken away, which is how to do without it. */
export function readStarter(): StarterPolicy | null {
  // Compiled, this file lies one folder deeper.
  const found = [file, new URL('../../../models/starter/policy.json', import.meta.url)].find((own) =>
    existsSync(own),
  )
  return found === undefined ? null : (JSON.parse(readFileSync(found, 'utf8')) as StarterPolicy)
}

/** Stands in a manifest where a campaign's id would: no campaign can be named so. */
export const starterName = '(starter)'

/**
 * Heads for treatments of a campaign that are not `known` and start from the weights of their channel. None
 * where the policy looks at other features than the starter was made for: it would point anywhere.
 */
export function startingHeads(
  starter: StarterPolicy | null,
  { featureSchema, featureSchemaHash }: Pick<SnapshotManifest, 'featureSchema' | 'featureSchemaHash'>,
  { campaignId, treatments }: CampaignSpec,
  known: readonly ManifestHead[],
): { entry: ManifestHead; weights: Float64Array }[] {
  if (starter === null || !haveSameDense(starter.featureSchema, featureSchema)) return []
  // A schema that adds a tail has a hash of its own, and by its name the same dense features.
  if (starter.featureSchema === featureSchema && starter.featureSchemaHash !== featureSchemaHash) return []
  return treatments.flatMap(({ treatmentId, channel }) => {
    const weights = starter.channels[channel]
    const isKnown = known.some((own) => own.campaignId === campaignId && own.head === treatmentId)
    if (weights === undefined || isKnown) return []
    const entry = { campaignId, head: treatmentId, rewards: 0, meanReward: null, inheritedFrom: starterName }
    return [{ entry, weights: Float64Array.from(weights) }]
  })
}

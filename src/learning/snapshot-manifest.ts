import { headKey } from '#contracts/decision.ts'
import type { Policy } from '#contracts/policy.ts'
import type { Forgetting } from './learner-state.ts'

/** What a snapshot says of itself, as JSON. Lists, not maps by head key: its NUL has no place in jsonb. */
export interface SnapshotManifest {
  featureSchema: string
  /** Hash of that schema; absent in snapshots of older releases. */
  featureSchemaHash?: string
  dimensions: number
  /** Of the hashed tail that decisions weigh too; absent where there is none. */
  tailSlots?: number
  /** Snapshot id, '' for the first. */
  parent: string
  publishedBy: 'learner' | 'launch' | 'promotion' | 'rollback' | 'features'
  /** The version, or the candidate, whose content it publishes again. */
  from?: string
  /** Which policy draws; absent in snapshots of older releases, and while it is the default one. */
  policy?: Policy
  /** Rewards that the learner had taken in, by their sequence: all up to this one. */
  data?: { untilSequence: number }
  metrics?: { meanReward: number | null }
  /** How it forgets; absent where it does not. */
  forgetting?: Forgetting
  /** Of what trained it; null where nothing was drawn, as in the learner's own. */
  seed?: number | null
  /** Rewards in it, and late conversions that turned a 0 of these into a 1. */
  rewards: number
  corrections: number
  /** Which goal's probability a campaign's heads predict. */
  campaigns: { campaignId: string; goalId: string }[]
  heads: ManifestHead[]
}

export interface ManifestHead {
  campaignId: string
  /** `treatmentId` or 'nothing'. */
  head: string
  /** Of its own, not of the campaign it inherited from. */
  rewards: number
  /** Share of its rewards that are 1; null before the first. */
  meanReward: number | null
  /** Campaign whose head it started from, `(starter)`, or '' when it started at the prior. */
  inheritedFrom: string
  /** What is left of its rewards under forgetting; absent where nothing was forgotten. */
  weight?: number
}

/** Manifest heads in the order of their keys. */
export function byHeadKey(
  a: { campaignId: string; head: string },
  b: { campaignId: string; head: string },
): number {
  const [left, right] = [headKey(a.campaignId, a.head), headKey(b.campaignId, b.head)]
  return left < right ? -1 : left > right ? 1 : 0
}

import { headKey } from '#contracts/decision.ts'
import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { encodeState, loadState, moveState } from './learner-state.ts'
import { rebasedState } from './rebased-state.ts'
import { insertSnapshot, latestSnapshot, type StoredSnapshot, snapshotRow } from './snapshot-rows.ts'

export interface VersionToPublish {
  /** Of an earlier version, or of a candidate. */
  content: StoredSnapshot
  /** Id of that version or candidate. */
  from: string
  publishedBy: 'promotion' | 'rollback'
  /** `own`: an earlier version of this learner's. `other`: trained elsewhere. */
  origin: 'own' | 'other'
  /** Wall clock. */
  now: number
}

/**
 * Publishes content as the next version of the policy, whose parent is the one in force, and takes the
 * learner's state back to it (`rebasedState`). Campaigns launched since keep their heads, and the bound does
 * not shrink below what they need. Call it in a write transaction and tell readers in the same one: decisions
 * go on with the version before until they read it. Null when the content is of another feature schema than
 * the version in force.
 */
export async function publishVersion(
  db: WorkspaceDb,
  { content, from, publishedBy, origin, now }: VersionToPublish,
): Promise<string | null> {
  await db.lock('policy')
  const latest = await latestSnapshot(db)
  if (latest !== null && latest.featureSchema !== content.featureSchema) return null
  const known = new Set(content.manifest.campaigns.map(({ campaignId }) => campaignId))
  const isYounger = ({ campaignId }: { campaignId: string }): boolean => !known.has(campaignId)
  const younger = latest?.manifest.heads.filter(isYounger) ?? []
  const heads = new Map(content.heads)
  for (const [key, weights] of latest?.heads ?? []) {
    if (younger.some((head) => key === headKey(head.campaignId, head.head))) heads.set(key, weights)
  }
  const manifest = {
    ...content.manifest,
    publishedBy,
    from,
    campaigns: [...content.manifest.campaigns, ...(latest?.manifest.campaigns.filter(isYounger) ?? [])],
    heads: [...content.manifest.heads, ...younger],
  }
  const row = snapshotRow({
    ...content,
    parentSequence: latest?.sequence ?? 0,
    boundMicros: Math.max(content.boundMicros, latest?.boundMicros ?? 0),
    heads,
    manifest,
    publishedAt: now,
  })
  if (!(await insertSnapshot(db, row))) throw new ChangedMeanwhileError('the policy')
  const stored = await loadState(db)
  if (stored !== null && stored.state.featureSchema === content.featureSchema) {
    const state = rebasedState(stored.state, { heads: content.heads, manifest: content.manifest, origin })
    const next = { cursor: stored.cursor, state: encodeState(state) }
    if (!(await moveState(db, stored.cursor, next, now))) throw new ChangedMeanwhileError('the learner')
  }
  return row.snapshot_id
}

import type { TailWeights } from '#contracts/decision.ts'
import { haveSameDense } from '#contracts/feature-schema.ts'
import type { Policy } from '#contracts/policy.ts'
import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import {
  archiveState,
  emptyState,
  encodeState,
  type LearnerState,
  loadArchivedState,
  loadState,
  moveState,
} from './learner-state.ts'
import { rebasedState, withYounger } from './rebased-state.ts'
import {
  insertSnapshot,
  latestSnapshot,
  type StoredSnapshot,
  schemaFieldsOf,
  snapshotRow,
} from './snapshot-rows.ts'

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
 * go on with the version before until they read it.
 *
 * A roll-back may lead to a version with other features: the learner takes up what it knew when that one was
 * replaced, and campaigns launched since start anew. A promotion whose content is of another feature schema
 * than the version in force is null, where the dense features differ.
 */
export async function publishVersion(
  db: WorkspaceDb,
  { content, from, publishedBy, origin, now }: VersionToPublish,
): Promise<string | null> {
  await db.lock('policy')
  const latest = await latestSnapshot(db)
  const hasSameFeatures = latest === null || meansTheSame(latest, content)
  if (!hasSameFeatures && publishedBy === 'promotion') return null
  const known = new Set(content.manifest.campaigns.map(({ campaignId }) => campaignId))
  const isYounger = ({ campaignId }: { campaignId: string }): boolean => !known.has(campaignId)
  const carried = hasSameFeatures ? latest : null
  const younger = carried?.manifest.heads.filter(isYounger) ?? []
  const weights = (of: 'heads' | 'covariances') =>
    withYounger(content[of] ?? none, carried?.[of] ?? none, known)
  const stages = (of: 'variants' | 'sendTimes') =>
    withYounger(content[of] ?? none, latest?.[of] ?? none, known)
  // What was made before the workspace's features changed does not change them back; a roll-back does.
  const schema = schemaFieldsOf(publishedBy === 'promotion' ? (latest ?? content).manifest : content.manifest)
  const { featureSchemaHash: _, tailSlots: __, ...own } = content.manifest
  const manifest = {
    ...own,
    ...schema,
    publishedBy,
    from,
    campaigns: [...content.manifest.campaigns, ...(latest?.manifest.campaigns.filter(isYounger) ?? [])],
    heads: [...content.manifest.heads, ...younger],
  }
  const row = snapshotRow({
    ...content,
    parentSequence: latest?.sequence ?? 0,
    boundMicros: Math.max(content.boundMicros, latest?.boundMicros ?? 0),
    heads: weights('heads'),
    covariances: weights('covariances'),
    tails:
      schema.tailSlots === undefined
        ? noTails
        : withYounger(content.tails ?? noTails, carried?.tails ?? noTails, known),
    variants: stages('variants'),
    sendTimes: stages('sendTimes'),
    manifest,
    publishedAt: now,
  })
  if (!(await insertSnapshot(db, row))) throw new ChangedMeanwhileError('the policy')
  const { featureSchema } = schema
  if (latest !== null)
    await takeLearnerBack(db, latest.snapshotId, { ...content, featureSchema }, origin, now)
  return row.snapshot_id
}

/** The heads of both look at the same dense features. */
function meansTheSame(a: { featureSchema: string }, b: { featureSchema: string }): boolean {
  return haveSameDense(a.featureSchema, b.featureSchema)
}

async function takeLearnerBack(
  db: WorkspaceDb,
  replacedId: string,
  content: StoredSnapshot,
  origin: VersionToPublish['origin'],
  now: number,
): Promise<void> {
  const stored = await loadState(db)
  if (stored === null) return
  await archiveState(db, replacedId, stored.state, now)
  const archived = origin === 'own' ? await loadArchivedState(db, content.snapshotId) : null
  const state = rebasedState(startOf(stored.state, archived, content), { ...content, origin })
  const next = { cursor: stored.cursor, state: encodeState(state) }
  if (!(await moveState(db, stored.cursor, next, now))) throw new ChangedMeanwhileError('the learner')
}

/** The state that the version's own is made of: with its features, and with all heads that it has. */
function startOf(now: LearnerState, archived: LearnerState | null, content: StoredSnapshot): LearnerState {
  const { featureSchema } = content
  const earlier = archived !== null && meansTheSame(archived, content) ? archived : null
  if (!meansTheSame(now, content)) {
    const { stages, forgetting } = now
    const start = earlier ?? emptyState(featureSchema, content.manifest.dimensions)
    return { ...start, featureSchema, stages, forgetting }
  }
  // What replaced the version since may have had fewer heads: an earlier state knows them still.
  const heads = new Map(now.heads)
  for (const key of content.heads.keys()) {
    const head = earlier?.heads.get(key)
    if (head !== undefined) heads.set(key, head)
  }
  return { ...now, featureSchema, heads }
}

const none: ReadonlyMap<string, Float64Array> = new Map()
const noTails: ReadonlyMap<string, TailWeights> = new Map()

/**
 * Publishes what is in force with another way of drawing: the learner and its heads stay as they are. Null
 * before the first version.
 */
export async function publishPolicy(
  db: WorkspaceDb,
  { policy, from, now }: { policy: Policy; from: string; now: number },
): Promise<string | null> {
  await db.lock('policy')
  const latest = await latestSnapshot(db)
  if (latest === null) return null
  const content = withPolicy(latest, policy, (await loadState(db))?.state ?? null)
  const row = snapshotRow({
    ...content,
    parentSequence: latest.sequence,
    manifest: { ...content.manifest, publishedBy: 'promotion', from },
    publishedAt: now,
  })
  if (!(await insertSnapshot(db, row))) throw new ChangedMeanwhileError('the policy')
  return row.snapshot_id
}

/** Thompson reads covariances, which only the learner's state has until a version needs them. */
export function withPolicy(
  content: StoredSnapshot,
  policy: Policy,
  state: LearnerState | null,
): StoredSnapshot {
  const learned = [...(state?.heads ?? [])].filter(([key]) => content.heads.has(key))
  const covariances =
    policy.kind === 'thompson'
      ? new Map([
          ...learned.map(([key, head]) => [key, head.model.covariance] as const),
          ...(content.covariances ?? none),
        ])
      : new Map<string, Float64Array>()
  return { ...content, policy, covariances, manifest: { ...content.manifest, policy } }
}

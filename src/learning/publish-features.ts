import { type FeatureSchemaId, haveSameDense } from '#contracts/feature-schema.ts'
import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { archiveState, encodeState, loadState, moveState } from './learner-state.ts'
import {
  boundMicrosDefault,
  insertSnapshot,
  latestSnapshot,
  type StoredSnapshot,
  schemaFieldsOf,
  snapshotRow,
} from './snapshot-rows.ts'
import { createSparseTail } from './sparse-tail.ts'

export type PublishedFeatures =
  | { kind: 'published'; snapshotId: string }
  /** They are in force already. */
  | { kind: 'unchanged'; snapshotId: string }
  /** What is in force looks at other dense features: its heads would mean nothing. */
  | { kind: 'other-features'; featureSchema: string }

/**
 * Publishes the version in force with another feature schema of the same dense features: heads, covariances and
 * what is known of variants and hours go on, and so does the learner; tails begin empty. So nothing changes in what
 * is decided until the tails have learned something, or but for what they had. Before the first version it
 * publishes one without heads, from which launches go on.
 *
 * Call it in a write transaction and tell readers in the same one.
 */
export async function publishFeatures(
  db: WorkspaceDb,
  schema: FeatureSchemaId,
  now: number,
): Promise<PublishedFeatures> {
  await db.lock('policy')
  const latest = await latestSnapshot(db)
  if (latest?.featureSchema === schema.name) return { kind: 'unchanged', snapshotId: latest.snapshotId }
  if (latest !== null && !haveSameDense(latest.featureSchema, schema.name))
    return { kind: 'other-features', featureSchema: latest.featureSchema }
  const {
    featureSchema: _,
    featureSchemaHash: __,
    tailSlots: ___,
    ...manifest
  } = (latest ?? nothing).manifest
  const row = snapshotRow({
    ...(latest ?? nothing),
    tails: new Map(),
    parentSequence: latest?.sequence ?? 0,
    manifest: {
      ...manifest,
      ...schemaFieldsOf(schema),
      publishedBy: 'features',
      ...(latest === null ? {} : { from: latest.snapshotId }),
    },
    publishedAt: now,
  })
  if (!(await insertSnapshot(db, row))) throw new ChangedMeanwhileError('the policy')
  if (latest !== null) await takeLearnerAlong(db, latest, schema.name, now)
  return { kind: 'published', snapshotId: row.snapshot_id }
}

async function takeLearnerAlong(
  db: WorkspaceDb,
  replaced: StoredSnapshot,
  featureSchema: string,
  now: number,
): Promise<void> {
  const stored = await loadState(db)
  if (stored === null || stored.state.featureSchema !== replaced.featureSchema) return
  await archiveState(db, replaced.snapshotId, stored.state, now)
  const { heads } = stored.state
  for (const head of heads.values()) head.tail = createSparseTail()
  const next = { cursor: stored.cursor, state: encodeState({ ...stored.state, featureSchema, heads }) }
  if (!(await moveState(db, stored.cursor, next, now))) throw new ChangedMeanwhileError('the learner')
}

/** Before the first version. */
const nothing = {
  t: 1,
  boundMicros: boundMicrosDefault,
  heads: new Map<string, Float64Array>(),
  manifest: {
    featureSchema: '',
    dimensions: 0,
    parent: '',
    publishedBy: 'features',
    rewards: 0,
    corrections: 0,
    campaigns: [],
    heads: [],
  } satisfies StoredSnapshot['manifest'] as StoredSnapshot['manifest'],
}

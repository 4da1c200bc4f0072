import type { CampaignSpec } from '#contracts/campaign.ts'
import type { PolicySnapshot, TailWeights } from '#contracts/decision.ts'
import { headKey } from '#contracts/decision.ts'
import type { FeatureSchemaId } from '#contracts/feature-schema.ts'
import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { goalOf, inheritances } from './inheritance.ts'
import { decodeWeights, encodeWeights, type SnapshotWeights } from './snapshot-codec.ts'
import { byHeadKey, type SnapshotManifest } from './snapshot-manifest.ts'
import { type StarterPolicy, startingHeads } from './starter.ts'

/** A snapshot with what only learning reads. */
export interface StoredSnapshot extends PolicySnapshot {
  /** Wall clock for the learner's own. */
  publishedAt: number
  manifest: SnapshotManifest
}

export async function loadSnapshot(db: WorkspaceDb, snapshotId: string): Promise<StoredSnapshot | null> {
  const row = await db
    .selectFrom('snapshots')
    .selectAll('snapshots')
    .where('snapshots.snapshot_id', '=', snapshotId)
    .executeTakeFirst()
  return row === undefined ? null : decodeSnapshot(row)
}

/** The one that decisions use now; null before the first launch. */
export async function latestSnapshot(db: WorkspaceDb): Promise<StoredSnapshot | null> {
  const row = await db
    .selectFrom('snapshots')
    .selectAll('snapshots')
    .orderBy('snapshots.sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? null : decodeSnapshot(row)
}

/** Newest first, without their weights; `before`: a sequence. */
export async function listSnapshots(
  db: WorkspaceDb,
  limit: number,
  before?: number,
): Promise<Omit<StoredSnapshot, 'heads'>[]> {
  let query = db
    .selectFrom('snapshots')
    .select([
      'snapshots.snapshot_id',
      'snapshots.sequence',
      'snapshots.parent_id',
      'snapshots.published_at',
      'snapshots.t',
      'snapshots.bound_micros',
      'snapshots.manifest_json',
    ])
    .orderBy('snapshots.sequence', 'desc')
    .limit(limit)
  if (before !== undefined) query = query.where('snapshots.sequence', '<', before)
  return (await query.execute()).map(describedSnapshot)
}

/** Sequence of the latest snapshot, 0 before the first. */
export async function latestSequence(db: WorkspaceDb): Promise<number> {
  const row = await db
    .selectFrom('snapshots')
    .select('snapshots.sequence')
    .orderBy('snapshots.sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.sequence ?? 0
}

/** One unit of the reporting currency: the bound while nothing is worth anything. */
export const boundMicrosDefault = 1_000_000
export const dimensionsDefault = 64
export const featureSchemaDefault = 'v1'

/**
 * At a campaign's launch, in its transaction: makes sure that the policy covers the campaign. Publishes
 * a snapshot when
 *
 * - the score bound is below what one conversion of the campaign is worth: it grows to
 *   `max(previous, max valueMicros·lever over the treatments)`, and never shrinks;
 * - a head of the campaign can inherit weights (`inheritances`);
 * - a treatment that can inherit nothing has weights in the starter (`startingWeights`);
 * - the campaign's goal is not known to the policy yet (later campaigns inherit by it).
 *
 * Nothing is published otherwise. The learner takes up an inherited head from the snapshot at the
 * head's first reward, with its donor's covariance widened.
 *
 * @param now published_at of the snapshot
 * @param schema features of the new snapshot; left out: those of the one before
 * @returns the id of the snapshot published, or null. Readers must be told in the same transaction.
 */
export async function ensureSnapshotFor(
  db: WorkspaceDb,
  spec: CampaignSpec,
  now: number,
  schema?: FeatureSchemaId,
  starter: StarterPolicy | null = null,
): Promise<string | null> {
  const previous = await latestSnapshot(db)
  const fields = schemaFieldsOf(schema ?? previous?.manifest)
  const { featureSchema } = fields
  const { heads, covariances, tails, variants, sendTimes, manifest, t } = carriedOver(previous, featureSchema)
  const worthMicros = Math.max(...spec.treatments.map((treatment) => treatment.valueMicros * treatment.lever))
  const boundMicros = Math.max(previous?.boundMicros ?? 0, worthMicros) || boundMicrosDefault
  const donated = inheritances(manifest, spec)
  const started = startingHeads(starter, fields, spec, [...manifest.heads, ...donated])
  const inherited = [...donated, ...started.map(({ entry }) => entry)]
  const goalKnown = goalOf(manifest, spec.campaignId) === spec.goal.id
  if (
    previous !== null &&
    previous.featureSchema === featureSchema &&
    boundMicros === previous.boundMicros &&
    inherited.length === 0 &&
    goalKnown
  ) {
    return null
  }
  for (const { entry, weights } of started) heads.set(headKey(entry.campaignId, entry.head), weights)
  for (const { campaignId, head, inheritedFrom } of donated) {
    heads.set(headKey(campaignId, head), heads.get(headKey(inheritedFrom, head))!)
    const covariance = covariances.get(headKey(inheritedFrom, head))
    if (covariance !== undefined) covariances.set(headKey(campaignId, head), covariance)
    const tail = tails.get(headKey(inheritedFrom, head))
    if (tail !== undefined) tails.set(headKey(campaignId, head), tail)
  }
  const row = snapshotRow({
    parentSequence: previous?.sequence ?? 0,
    t,
    boundMicros,
    heads,
    covariances,
    tails,
    variants,
    sendTimes,
    manifest: {
      ...fields,
      publishedBy: 'launch',
      ...(manifest.policy === undefined ? {} : { policy: manifest.policy }),
      rewards: t === 1 ? 0 : (previous?.manifest.rewards ?? 0),
      corrections: t === 1 ? 0 : (previous?.manifest.corrections ?? 0),
      campaigns: [
        ...manifest.campaigns.filter((campaign) => campaign.campaignId !== spec.campaignId),
        { campaignId: spec.campaignId, goalId: spec.goal.id },
      ],
      heads: [...manifest.heads, ...inherited].sort(byHeadKey),
    },
    publishedAt: now,
  })
  if (!(await insertSnapshot(db, row))) throw new ChangedMeanwhileError('the policy')
  return row.snapshot_id
}

export type SnapshotRow = Omit<RowOf<'snapshots'>, 'workspace'>

/** What a manifest says of the features; without anything to go by those of a workspace's first snapshot. */
export function schemaFieldsOf(
  from: FeatureSchemaId | SnapshotManifest | undefined,
): Pick<SnapshotManifest, 'featureSchema' | 'featureSchemaHash' | 'dimensions' | 'tailSlots'> {
  if (from === undefined) return { featureSchema: featureSchemaDefault, dimensions: dimensionsDefault }
  const { dimensions, tailSlots = 0 } = from
  const sizes = { dimensions, ...(tailSlots === 0 ? {} : { tailSlots }) }
  if ('name' in from) return { featureSchema: from.name, featureSchemaHash: from.hash, ...sizes }
  const { featureSchema, featureSchemaHash } = from
  return { featureSchema, ...sizes, ...(featureSchemaHash === undefined ? {} : { featureSchemaHash }) }
}

/** The row of the snapshot that follows `parentSequence`; nothing is written. */
export function snapshotRow(
  snapshot: {
    parentSequence: number
    t: number
    boundMicros: number
    manifest: Omit<SnapshotManifest, 'parent'>
    publishedAt: number
  } & SnapshotWeights,
): SnapshotRow {
  const { parentSequence, manifest } = snapshot
  const parent = parentSequence === 0 ? '' : snapshotIdOf(parentSequence)
  return {
    snapshot_id: snapshotIdOf(parentSequence + 1),
    sequence: parentSequence + 1,
    parent_id: parent,
    published_at: snapshot.publishedAt,
    t: snapshot.t,
    bound_micros: snapshot.boundMicros,
    manifest_json: JSON.stringify({ ...manifest, parent } satisfies SnapshotManifest),
    weights: encodeWeights(snapshot, manifest.dimensions),
  }
}

/** Resolves to false when a snapshot of that sequence is there already: published ones never change. */
export async function insertSnapshot(db: WorkspaceDb, row: SnapshotRow): Promise<boolean> {
  return (await db.bulkInsert('snapshots', [row], 'ignore')) === 1
}

/**
 * Deletes snapshots that nobody can name any more. Kept are those in `namedIds` (collect them from the
 * stored decisions in the same transaction) and the newest `newestKept`, at least one: decisions that
 * are under way, or in the log but not stored yet, name one of these. Resolves to the number deleted.
 */
export async function deleteUnusedSnapshots(
  db: WorkspaceDb,
  keep: { namedIds: ReadonlySet<string>; newestKept: number },
): Promise<number> {
  const rows = await db
    .selectFrom('snapshots')
    .select('snapshots.snapshot_id')
    .orderBy('snapshots.sequence', 'desc')
    .execute()
  const unused = rows
    .slice(Math.max(1, keep.newestKept))
    .map((row) => row.snapshot_id)
    .filter((id) => !keep.namedIds.has(id))
  for (let from = 0; from < unused.length; from += deletedPerStatement) {
    const ids = unused.slice(from, from + deletedPerStatement)
    await db.deleteFrom('snapshots').where('snapshots.snapshot_id', 'in', ids).execute()
  }
  return unused.length
}

/** SQLite takes 32,766 parameters, PostgreSQL 65,535. */
const deletedPerStatement = 1000

/** `s` and ten digits: text order is publication order. */
export function snapshotIdOf(sequence: number): string {
  return `s${String(sequence).padStart(10, '0')}`
}

export function decodeSnapshot(row: SnapshotRow): StoredSnapshot {
  return { ...describedSnapshot(row), ...decodeWeights(row.weights) }
}

function describedSnapshot(row: Omit<SnapshotRow, 'weights'>): Omit<StoredSnapshot, 'heads'> {
  const manifest = JSON.parse(row.manifest_json) as SnapshotManifest
  return {
    snapshotId: row.snapshot_id,
    sequence: row.sequence,
    t: row.t,
    boundMicros: row.bound_micros,
    featureSchema: manifest.featureSchema,
    ...(manifest.policy === undefined ? {} : { policy: manifest.policy }),
    publishedAt: row.published_at,
    manifest,
  }
}

/** What the next snapshot takes over: of heads and counts none across feature schemas. */
interface CarriedOver {
  heads: Map<string, Float64Array>
  covariances: Map<string, Float64Array>
  tails: Map<string, TailWeights>
  /** Of variants and hours: they do not depend on features. */
  variants: ReadonlyMap<string, Float64Array>
  sendTimes: ReadonlyMap<string, Float64Array>
  manifest: Pick<SnapshotManifest, 'campaigns' | 'heads' | 'policy'>
  t: number
}

export function carriedOver(previous: StoredSnapshot | null, featureSchema: string): CarriedOver {
  const campaigns = previous?.manifest.campaigns ?? []
  const policy = previous?.policy === undefined ? {} : { policy: previous.policy }
  const stages = { variants: previous?.variants ?? new Map(), sendTimes: previous?.sendTimes ?? new Map() }
  if (previous === null || previous.featureSchema !== featureSchema) {
    const manifest = { campaigns, heads: [], ...policy }
    return { heads: new Map(), covariances: new Map(), tails: new Map(), ...stages, manifest, t: 1 }
  }
  return {
    heads: new Map(previous.heads),
    covariances: new Map(previous.covariances),
    tails: new Map(previous.tails),
    ...stages,
    manifest: { campaigns, heads: previous.manifest.heads, ...policy },
    t: previous.t,
  }
}

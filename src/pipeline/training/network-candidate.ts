import { headKey } from '#contracts/decision.ts'
import type { FeatureSchema, FeatureSchemaId } from '#contracts/feature-schema.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { RowOf, Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { loadDecisionsById } from '../../decision/decision-rows.ts'
import { decodeDecision } from '../../decision/record.ts'
import { createBayesianHeads } from '../../learning/bayesian-head.ts'
import { loadPolicySettings } from '../../learning/candidate-rows.ts'
import { explorationTime, forgetUntil, weightOf } from '../../learning/forgetting.ts'
import {
  archiveState,
  emptyState,
  encodeState,
  type LearnerState,
  loadCursor,
  loadState,
  moveState,
} from '../../learning/learner-state.ts'
import { networkSchemaName } from '../../learning/networks/network-features.ts'
import { loadNetwork } from '../../learning/networks/network-rows.ts'
import { publishedHeads } from '../../learning/published-heads.ts'
import { loadRewardsAfter } from '../../learning/reward-rows.ts'
import { byHeadKey } from '../../learning/snapshot-manifest.ts'
import {
  boundMicrosDefault,
  insertSnapshot,
  latestSnapshot,
  type StoredSnapshot,
  snapshotRow,
} from '../../learning/snapshot-rows.ts'
import { createSparseTail } from '../../learning/sparse-tail.ts'
import { teachReward } from '../../learning/teach-reward.ts'
import { featureSchemaFor } from '../feature-schema-for.ts'
import { type FeatureSources, featuresAsOf, loadFeatureSources, type PastMoment } from '../features-as-of.ts'
import { touchWorkspace } from '../workspace-context.ts'

/** A policy whose heads look at a network's bottleneck, taught by the same rewards as the policy in force. */
export interface NetworkCandidate {
  /** What would be published: not in the store. */
  content: StoredSnapshot
  /** The learner's state that goes with it, and the last reward in it. */
  state: LearnerState
  cursor: number
}

export type TeachingProgress = (done: number, total: number) => void

const rewardsPerPage = 500

/**
 * Builds the candidate: every reward so far is taught once more, in order, to new heads over the network's
 * features, each made again as of its decision. Rewards whose decision was erased, or whose customer's events
 * are gone, are passed over. Nothing is written: whether it goes live is the promotion gate's to say. Null
 * where the network is not ready.
 */
export async function buildNetworkCandidate(
  { store }: { store: Store },
  workspace: string,
  modelId: string,
  now: number,
  onProgress?: TeachingProgress,
): Promise<NetworkCandidate | null> {
  const db = store.read.workspace(workspace)
  const sources = await loadFeatureSources(store.read, workspace)
  if (sources === null || (await loadNetwork(db, modelId))?.ready == null) return null
  const schema = await featureSchemaFor(db, { name: networkSchemaName(modelId) })
  const state = emptyState(schema.name, schema.dimensions)
  const learned = await loadState(db)
  const until = learned?.cursor ?? 0
  const cursor = await teach(db, { schema, sources, state }, { after: 0, until }, onProgress)
  // Variants and hours do not depend on features.
  if (learned !== null) state.stages = learned.state.stages
  return { content: await contentOf(db, state, schema, { now, untilSequence: until }), state, cursor }
}

/** Teaches a candidate the rewards that the learner has taken in since, so that it goes on from today. */
export async function catchUp(
  { store }: { store: Store },
  workspace: string,
  candidate: NetworkCandidate,
  onProgress?: TeachingProgress,
): Promise<NetworkCandidate> {
  const db = store.read.workspace(workspace)
  const sources = await loadFeatureSources(store.read, workspace)
  if (sources === null) return candidate
  const { content, state } = candidate
  const learnedWith = hashOf(content)
  const schema = await featureSchemaFor(db, { name: content.featureSchema, learnedWith })
  const range = { after: candidate.cursor, until: await loadCursor(db) }
  const cursor = await teach(db, { schema, sources, state }, range, onProgress)
  return { content, state, cursor }
}

/** The rewards of these sequences, in order; resolves to the last one. */
async function teach(
  db: WorkspaceDb,
  into: { schema: FeatureSchema; sources: FeatureSources; state: LearnerState },
  { after, until }: { after: number; until: number },
  onProgress?: TeachingProgress,
): Promise<number> {
  const { schema, sources, state } = into
  const models = createBayesianHeads(schema.dimensions)
  const { forgetHalfLifeDays } = await loadPolicySettings(db)
  let cursor = after
  while (cursor < until) {
    const rows = (await loadRewardsAfter(db, cursor, rewardsPerPage)).filter((row) => row.sequence <= until)
    if (rows.length === 0) break
    const moments = await momentsOf(db, rows)
    const vectors = await featuresAsOf(db, schema, [...moments.values()], sources)
    for (const row of rows) {
      forgetUntil(state, dayUtcOf(row.created_at), forgetHalfLifeDays)
      const x = vectors.get(row.decision_id)
      if (x === undefined) {
        state.skipped += 1
        continue
      }
      const weight = weightOf(state, moments.get(row.decision_id)?.decidedAt)
      teachReward(models, state, headOf(state, row), row, x, weight)
    }
    cursor = rows.at(-1)!.sequence
    onProgress?.(cursor, until)
  }
  return Math.max(cursor, until)

  function headOf({ heads }: LearnerState, row: RowOf<'rewards'>) {
    const key = headKey(row.campaign_id, row.head)
    let head = heads.get(key)
    if (head === undefined) {
      const { campaign_id: campaignId, head: name } = row
      head = {
        campaignId,
        head: name,
        rewards: 0,
        positives: 0,
        inheritedFrom: '',
        model: models.create(),
        tail: createSparseTail(),
      }
      heads.set(key, head)
    }
    return head
  }
}

async function momentsOf(db: WorkspaceDb, rows: RowOf<'rewards'>[]): Promise<Map<string, PastMoment>> {
  const decisions = await loadDecisionsById(db, [...new Set(rows.map((row) => row.decision_id))])
  const momentOf = (decisionId: string, row: RowOfDecision): PastMoment => ({
    decisionId,
    customerId: row.customer_id,
    triggerKind: row.trigger_kind,
    triggerId: row.trigger_id,
    decidedAt: decodeDecision(row.record).decidedAt,
    // A network looks at the traits that it was trained with.
    traits: [],
  })
  return new Map([...decisions].map(([id, row]) => [id, momentOf(id, row)]))
}

type RowOfDecision = Pick<RowOf<'decisions'>, 'customer_id' | 'trigger_kind' | 'trigger_id' | 'record'>

async function contentOf(
  db: WorkspaceDb,
  state: LearnerState,
  schema: FeatureSchemaId,
  { now, untilSequence }: { now: number; untilSequence: number },
): Promise<StoredSnapshot> {
  const latest = await latestSnapshot(db)
  const policy = latest?.policy
  const { heads, covariances, listed } = publishedHeads(state, policy)
  return {
    snapshotId: '',
    sequence: 0,
    t: explorationTime(state),
    boundMicros: latest?.boundMicros ?? boundMicrosDefault,
    featureSchema: schema.name,
    heads,
    covariances,
    ...state.stages,
    ...(policy === undefined ? {} : { policy }),
    publishedAt: now,
    manifest: {
      featureSchema: schema.name,
      featureSchemaHash: schema.hash,
      dimensions: schema.dimensions,
      parent: latest?.snapshotId ?? '',
      publishedBy: 'learner',
      ...(policy === undefined ? {} : { policy }),
      data: { untilSequence },
      rewards: state.rewards,
      corrections: state.corrections,
      campaigns: latest?.manifest.campaigns ?? [],
      heads: listed.sort(byHeadKey),
    },
  }
}

/**
 * Publishes a candidate as the next version: the heads that were judged, with the learner's state that they
 * have grown into, so that the policy goes on learning from the next reward. Campaigns launched since have
 * the heads of that state. The state that it replaces is kept for a roll-back. Null, and nothing written,
 * where rewards were learned since the candidate caught up.
 */
export async function publishNetworkCandidate(
  tx: StoreTransaction,
  workspace: string,
  { content, state, cursor }: NetworkCandidate,
  { from, now }: { from: string; now: number },
): Promise<string | null> {
  const db = tx.workspace(workspace)
  await db.lock('policy')
  const [latest, stored] = [await latestSnapshot(db), await loadState(db)]
  if ((stored?.cursor ?? 0) !== cursor) return null
  if (stored !== null) {
    const next = { cursor, state: encodeState({ ...state, stages: stored.state.stages }) }
    if (!(await moveState(db, cursor, next, now))) return null
    if (latest !== null) await archiveState(db, latest.snapshotId, stored.state, now)
  }
  const known = new Set(content.manifest.campaigns.map(({ campaignId }) => campaignId))
  const isYounger = ({ campaignId }: { campaignId: string }): boolean => !known.has(campaignId)
  const grown = publishedHeads(state, content.policy)
  const younger = grown.listed.filter(isYounger)
  const withYounger = (own: ReadonlyMap<string, Float64Array>, of: ReadonlyMap<string, Float64Array>) => {
    const keys = younger.map(({ campaignId, head }) => headKey(campaignId, head))
    return new Map([...own, ...[...of].filter(([key]) => keys.includes(key))])
  }
  const { parent: _, ...manifest } = content.manifest
  const row = snapshotRow({
    ...content,
    ...(latest?.variants === undefined ? {} : { variants: latest.variants }),
    ...(latest?.sendTimes === undefined ? {} : { sendTimes: latest.sendTimes }),
    heads: withYounger(content.heads, grown.heads),
    covariances: withYounger(content.covariances ?? new Map(), grown.covariances),
    parentSequence: latest?.sequence ?? 0,
    boundMicros: Math.max(content.boundMicros, latest?.boundMicros ?? 0),
    manifest: {
      ...manifest,
      publishedBy: 'promotion',
      from,
      campaigns: [...manifest.campaigns, ...(latest?.manifest.campaigns.filter(isYounger) ?? [])],
      heads: [...manifest.heads, ...younger].sort(byHeadKey),
    },
    publishedAt: now,
  })
  if (!(await insertSnapshot(db, row))) throw new Error(`snapshot ${row.snapshot_id} was published meanwhile`)
  await touchWorkspace(tx, workspace)
  return row.snapshot_id
}

function hashOf({ manifest, snapshotId }: StoredSnapshot): { hash: string; by: string } | undefined {
  const hash = manifest.featureSchemaHash
  return hash === undefined ? undefined : { hash, by: `candidate ${snapshotId}` }
}

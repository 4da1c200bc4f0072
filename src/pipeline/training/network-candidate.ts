import { headKey } from '#contracts/decision.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { RowOf, Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { loadDecisionsById } from '../../decision/decision-rows.ts'
import { decodeDecision } from '../../decision/record.ts'
import { createBayesianHeads } from '../../learning/bayesian-head.ts'
import { loadPolicySettings } from '../../learning/candidate-rows.ts'
import { explorationTime, forgetUntil, weightOf } from '../../learning/forgetting.ts'
import {
  emptyState,
  encodeState,
  type LearnerState,
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
import type { Known } from '../../profile/profile-as-of.ts'
import { featureInputAsOf, loadCustomerHistories } from '../customer-history.ts'
import { featureSchemaFor } from '../feature-schema-for.ts'
import { touchWorkspace, type WorkspaceContexts } from '../workspace-context.ts'

/** A policy whose heads look at a network's bottleneck, taught by the same rewards as the policy in force. */
export interface NetworkCandidate {
  /** What would be published: not in the store. */
  content: StoredSnapshot
  /** The learner's state that goes with it, and the last reward in it. */
  state: LearnerState
  cursor: number
}

const rewardsPerPage = 500

/**
 * Builds the candidate: every reward so far is taught once more, in order, to new heads over the network's
 * features, each made again as of its decision. Rewards whose decision was erased, or whose customer's events
 * are gone, are passed over. Nothing is written: whether it goes live is the promotion gate's to say. Null
 * where the network is not ready.
 */
export async function buildNetworkCandidate(
  parts: { store: Store; contexts: WorkspaceContexts },
  workspace: string,
  modelId: string,
  now: number,
): Promise<NetworkCandidate | null> {
  const db = parts.store.read.workspace(workspace)
  const context = await parts.contexts.load(parts.store.read, workspace)
  if (context === null || (await loadNetwork(db, modelId))?.ready == null) return null
  const schema = await featureSchemaFor(db, { name: networkSchemaName(modelId) })
  const models = createBayesianHeads(schema.dimensions)
  const state = emptyState(schema.name, schema.dimensions)
  const learned = await loadState(db)
  const { forgetHalfLifeDays } = await loadPolicySettings(db)
  const last = learned?.cursor ?? 0
  const sources = { traits: [], currency: context.currency, zone: context.settings.zone }
  let cursor = 0
  while (cursor < last) {
    const rows = (await loadRewardsAfter(db, cursor, rewardsPerPage)).filter((row) => row.sequence <= last)
    if (rows.length === 0) break
    const vectors = await vectorsOf(db, rows)
    for (const row of rows) {
      forgetUntil(state, dayUtcOf(row.created_at), forgetHalfLifeDays)
      const x = vectors.get(row.decision_id)
      if (x === undefined) {
        state.skipped += 1
        continue
      }
      teach(state, row, x.dense, x.decidedAt)
    }
    cursor = rows.at(-1)!.sequence
  }
  // Variants and hours do not depend on features.
  if (learned !== null) state.stages = learned.state.stages
  return { content: await contentOf(db, state, schema, { now, untilSequence: last }), state, cursor: last }

  async function vectorsOf(
    own: WorkspaceDb,
    rows: RowOf<'rewards'>[],
  ): Promise<Map<string, { dense: Float64Array; decidedAt: number }>> {
    const decisions = await loadDecisionsById(own, [...new Set(rows.map((row) => row.decision_id))])
    const customers = [...new Set([...decisions.values()].map((row) => row.customer_id))]
    const histories = new Map(
      (await loadCustomerHistories(own, customers)).map((one) => [one.customerId, one]),
    )
    const vectors = new Map<string, { dense: Float64Array; decidedAt: number }>()
    for (const [id, { trigger_kind, trigger_id, customer_id, record }] of decisions) {
      const { decidedAt } = decodeDecision(record)
      const known: Known =
        trigger_kind === 'event' ? { kind: 'event', eventId: trigger_id } : { kind: 'served', at: decidedAt }
      const history = histories.get(customer_id)
      const input = history === undefined ? null : featureInputAsOf(history, known, sources)
      if (input !== null) vectors.set(id, { dense: schema.vector(input).dense, decidedAt })
    }
    return vectors
  }

  function teach(into: LearnerState, row: RowOf<'rewards'>, x: Float64Array, decidedAt: number): void {
    const key = headKey(row.campaign_id, row.head)
    let head = into.heads.get(key)
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
      into.heads.set(key, head)
    }
    teachReward(models, into, head, row, x, weightOf(into, decidedAt))
  }
}

async function contentOf(
  db: WorkspaceDb,
  state: LearnerState,
  schema: { name: string; hash: string; dimensions: number },
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
 * Publishes a candidate as the next version, with the learner's state that belongs to it: the policy goes on
 * learning from the next reward. Null, and nothing written, where rewards were learned since it was built.
 */
export async function publishNetworkCandidate(
  tx: StoreTransaction,
  workspace: string,
  { content, state, cursor }: NetworkCandidate,
  now: number,
): Promise<string | null> {
  const db = tx.workspace(workspace)
  const latest = await latestSnapshot(db)
  const { parent: _, ...manifest } = content.manifest
  const known = latest?.manifest.campaigns ?? manifest.campaigns
  if (!(await moveState(db, cursor, { cursor, state: encodeState(state) }, now))) return null
  const row = snapshotRow({
    ...content,
    parentSequence: latest?.sequence ?? 0,
    boundMicros: Math.max(content.boundMicros, latest?.boundMicros ?? 0),
    manifest: { ...manifest, campaigns: known },
    publishedAt: now,
  })
  if (!(await insertSnapshot(db, row))) throw new Error(`snapshot ${row.snapshot_id} was published meanwhile`)
  await touchWorkspace(tx, workspace)
  return row.snapshot_id
}

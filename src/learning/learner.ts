import type { Clock } from '#contracts/clock.ts'
import { headKey, nothingHead } from '#contracts/decision.ts'
import { type FeatureSchemaId, haveSameDense, noTail, type TailFeatures } from '#contracts/feature-schema.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { RowOf, Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { type BayesianHeads, createBayesianHeads } from './bayesian-head.ts'
import { loadPolicySettings } from './candidate-rows.ts'
import { evidenceOf, explorationTime, forgetUntil, weightOf } from './forgetting.ts'
import { inheritedTail } from './inherited-tail.ts'
import {
  emptyState,
  encodeState,
  type LearnerHead,
  type LearnerState,
  loadCursor,
  loadState,
  moveState,
} from './learner-state.ts'
import { meanRewardOf, publishedHeads } from './published-heads.ts'
import { loadRewardsAfter } from './reward-rows.ts'
import { byHeadKey } from './snapshot-manifest.ts'
import {
  boundMicrosDefault,
  carriedOver,
  insertSnapshot,
  latestSequence,
  latestSnapshot,
  type StoredSnapshot,
  schemaFieldsOf,
  snapshotRow,
} from './snapshot-rows.ts'
import { createSparseTail, isTailOf } from './sparse-tail.ts'
import { type RecordedStages, teachStages } from './stage-tallies.ts'
import { teachReward } from './teach-reward.ts'
import { widenedCovariance } from './widened-covariance.ts'

export interface LearnerOptions {
  store: Store
  wallClock: Clock
  /** Decision records by decision id, of these days (UTC, both inclusive); an erased decision is missing. */
  loadRecords(
    db: WorkspaceDb,
    decisionIds: string[],
    days: { from: number; to: number },
  ): Promise<Map<string, Uint8Array>>
  decodeFeatures(record: Uint8Array): RecordedFeatures & RecordedStages
  /** Inside the transaction that publishes. */
  onPublished(tx: StoreTransaction, workspace: string): Promise<void>
  /** Of the first snapshot. Decisions made with other dense features teach nothing, without its tail the head alone. */
  firstFeatureSchema?: FeatureSchemaId
  /** While cold, a snapshot comes exactly every so many rewards. */
  snapshotEveryRewards?: number
  /** Warm from so many rewards on. */
  coldRewards?: number
  /** While warm, at most one snapshot in that time, by the wall clock. */
  warmIntervalMs?: number
  rewardsPerStep?: number
}

/** What a record says of a decision; one whose instant is not known counts as of today. */
export interface RecordedFeatures {
  features: Float64Array
  tail?: TailFeatures
  featureSchema: string
  /** Injected clock. */
  decidedAt?: number
}

export interface Learner {
  /**
   * Takes in the next rewards of a workspace and publishes when due. `rewards`: rows taken in; call again while it
   * is above 0. `published`: id of a new snapshot. Both are empty too when another owner was faster.
   */
  step(workspace: string): Promise<{ rewards: number; published: string | null }>
}

/** When snapshots come, unless told otherwise. */
export const publicationDefaults = {
  snapshotEveryRewards: 200,
  coldRewards: 20_000,
  warmIntervalMs: 60_000,
}

/** A workspace as far as it is committed, kept between steps. */
interface Held {
  cursor: number
  state: LearnerState
  published: StoredSnapshot | null
}

/**
 * The learner: rewards in order -> heads -> snapshots. Its state is one row, overwritten together with
 * its cursor by compare-and-set, so that each reward is learned once however many learners run and
 * wherever one is killed. All mathematics and encoding is done before the write transaction begins.
 */
export function createLearner(options: LearnerOptions): Learner {
  const { store, wallClock } = options
  const { snapshotEveryRewards, coldRewards, warmIntervalMs } = { ...publicationDefaults, ...options }
  const { rewardsPerStep = 500 } = options
  const modelsByDimensions = new Map<number, BayesianHeads>()
  const heldByWorkspace = new Map<string, Held>()

  return {
    async step(workspace) {
      const db = store.read.workspace(workspace)
      const held = await takeHeld(db)
      const rows = untilPublication(await loadRewardsAfter(db, held.cursor, rewardsPerStep), held)
      await learn(db, held, rows)
      const cursor = rows.at(-1)?.sequence ?? held.cursor
      const snapshot = publicationDue(held) ? nextSnapshot(held, cursor) : null
      if (rows.length > 0 || snapshot !== null) {
        const next = { cursor, state: encodeState(held.state) }
        if (!(await commit(workspace, held, next, snapshot))) return { rewards: 0, published: null }
        held.cursor = next.cursor
        if (snapshot !== null) held.published = await latestSnapshot(db)
      }
      heldByWorkspace.set(workspace, held)
      return { rewards: rows.length, published: snapshot?.snapshot_id ?? null }
    },
  }

  /** Takes the workspace out of memory: it comes back only after a commit, since learning changes it. */
  async function takeHeld(db: WorkspaceDb): Promise<Held> {
    const kept = heldByWorkspace.get(db.workspace)
    heldByWorkspace.delete(db.workspace)
    // Whoever else publishes may have changed the state too: a roll-back takes the learner back with it.
    const isCurrent =
      kept !== undefined &&
      kept.cursor === (await loadCursor(db)) &&
      (kept.published?.sequence ?? 0) === (await latestSequence(db))
    if (isCurrent) return kept
    const stored = await loadState(db)
    const published = await latestSnapshot(db)
    const { featureSchema, dimensions } = schemaFieldsOf(published?.manifest ?? options.firstFeatureSchema)
    const sameModel = stored?.state.featureSchema === featureSchema && stored.state.dimensions === dimensions
    const fresh = emptyState(featureSchema, dimensions)
    // Variants and hours do not depend on features.
    const { stages, forgetting } = stored?.state ?? fresh
    const state = sameModel ? stored.state : { ...fresh, stages, forgetting }
    return { cursor: stored?.cursor ?? 0, state, published }
  }

  function modelsOf({ dimensions }: LearnerState): BayesianHeads {
    const known = modelsByDimensions.get(dimensions)
    if (known !== undefined) return known
    const models = createBayesianHeads(dimensions)
    modelsByDimensions.set(dimensions, models)
    return models
  }

  /** While cold, no step takes in more than the next snapshot holds: it comes at the same reward always. */
  function untilPublication(rows: RowOf<'rewards'>[], held: Held): RowOf<'rewards'>[] {
    if (!isCold(held.state)) return rows
    const last = rows
      .filter((row) => row.kind === 'reward')
      .at(snapshotEveryRewards - unpublishedRewards(held) - 1)
    return last === undefined ? rows : rows.filter((row) => row.sequence <= last.sequence)
  }

  function isCold(state: LearnerState): boolean {
    return state.rewards <= coldRewards
  }

  function unpublishedRewards({ state, published }: Held): number {
    return state.rewards - (published?.featureSchema === state.featureSchema ? published.manifest.rewards : 0)
  }

  function publicationDue(held: Held): boolean {
    const unpublished = unpublishedRewards(held)
    if (isCold(held.state)) return unpublished >= snapshotEveryRewards
    const published = held.published
    if (published === null) return true
    if (unpublished <= 0 && held.state.corrections === published.manifest.corrections) return false
    // A launch's snapshot holds nothing new learned: it does not count against the interval.
    if (published.manifest.publishedBy === 'launch') return true
    const elapsedMs = wallClock.now() - published.publishedAt
    return elapsedMs >= warmIntervalMs || elapsedMs < 0
  }

  async function learn(db: WorkspaceDb, held: Held, rows: RowOf<'rewards'>[]): Promise<void> {
    if (rows.length === 0) return
    const { state } = held
    const models = modelsOf(state)
    const ids = [...new Set(rows.map((row) => row.decision_id))]
    const days = rows.map((row) => row.decision_day_utc)
    const records = await options.loadRecords(db, ids, { from: Math.min(...days), to: Math.max(...days) })
    const { forgetHalfLifeDays } = await loadPolicySettings(db)
    const { tailSlots = 0 } = schemaFieldsOf(held.published?.manifest ?? options.firstFeatureSchema)
    for (const row of rows) {
      forgetUntil(state, dayUtcOf(row.created_at), forgetHalfLifeDays)
      const decoded = decodedOf(state, records.get(row.decision_id))
      if (decoded === null) {
        state.skipped += 1
        continue
      }
      const { features, tail = noTail, decidedAt } = decoded
      const hasTail = decoded.featureSchema === state.featureSchema && isTailOf(tail, tailSlots)
      const weight = weightOf(state, decidedAt)
      if (row.head !== nothingHead) teachStages(state.stages, row, decoded, weight)
      const head = headOf(held, row)
      teachReward(models, state, head, row, features, weight, hasTail ? tail : noTail)
    }
  }

  /** Null when the decision is gone or was made with other features; one bad number would stay for ever. */
  function decodedOf({ featureSchema, dimensions }: LearnerState, record: Uint8Array | undefined) {
    if (record === undefined) return null
    const decoded = options.decodeFeatures(record)
    const isSame = haveSameDense(decoded.featureSchema, featureSchema)
    const fits = isSame && decoded.features.length === dimensions
    return fits && decoded.features.every(Number.isFinite) ? decoded : null
  }

  /** The head that a reward teaches; at its first reward it starts from what the snapshot gives it. */
  function headOf({ state, published }: Held, row: RowOf<'rewards'>): LearnerHead {
    const key = headKey(row.campaign_id, row.head)
    const known = state.heads.get(key)
    if (known !== undefined) return known
    const start = published?.featureSchema === state.featureSchema ? published.heads.get(key) : undefined
    const entry = published?.manifest.heads.find(
      (head) => head.campaignId === row.campaign_id && head.head === row.head,
    )
    const inheritedFrom = start === undefined ? '' : (entry?.inheritedFrom ?? '')
    const model = modelsOf(state).create(start)
    const donor = state.heads.get(headKey(inheritedFrom, row.head))
    if (inheritedFrom !== '' && donor !== undefined) {
      model.covariance =
        widenedCovariance(donor.model.covariance, state.dimensions, evidenceOf(donor)) ?? model.covariance
    }
    const head = {
      campaignId: row.campaign_id,
      head: row.head,
      rewards: 0,
      positives: 0,
      inheritedFrom,
      model,
      ...(start === undefined ? {} : { start: start.slice() }),
      tail: start === undefined ? createSparseTail() : inheritedTail(published?.tails?.get(key), donor),
    }
    state.heads.set(key, head)
    return head
  }

  /** Heads that were inherited and have no reward yet are carried on from the snapshot before. */
  function nextSnapshot({ state, published }: Held, cursor: number): ReturnType<typeof snapshotRow> {
    const { heads, covariances, tails, manifest } = carriedOver(published, state.featureSchema)
    const { policy } = manifest
    const own = publishedHeads(state, policy)
    for (const [key, weights] of own.heads) heads.set(key, weights)
    for (const [key, covariance] of own.covariances) covariances.set(key, covariance)
    for (const [key, tail] of own.tails) tails.set(key, tail)
    const unlearned = manifest.heads.filter((head) => !state.heads.has(headKey(head.campaignId, head.head)))
    return snapshotRow({
      parentSequence: published?.sequence ?? 0,
      t: explorationTime(state),
      boundMicros: published?.boundMicros ?? boundMicrosDefault,
      heads,
      covariances: policy?.kind === 'thompson' ? covariances : new Map(),
      tails,
      ...state.stages,
      manifest: {
        ...schemaFieldsOf(published?.manifest ?? options.firstFeatureSchema),
        publishedBy: 'learner',
        data: { untilSequence: cursor },
        metrics: { meanReward: meanRewardOf(state) },
        ...(state.forgetting === null ? {} : { forgetting: state.forgetting }),
        seed: null,
        ...(policy === undefined ? {} : { policy }),
        rewards: state.rewards,
        corrections: state.corrections,
        campaigns: manifest.campaigns,
        heads: [...unlearned, ...own.listed].sort(byHeadKey),
      },
      publishedAt: wallClock.now(),
    })
  }

  /** False, and nothing written, when another learner or a launch came between. */
  async function commit(
    workspace: string,
    held: Held,
    next: { cursor: number; state: Uint8Array },
    snapshot: ReturnType<typeof snapshotRow> | null,
  ): Promise<boolean> {
    return await store.transaction(async (tx) => {
      const db = tx.workspace(workspace)
      await db.lock('policy')
      if ((await latestSequence(db)) !== (held.published?.sequence ?? 0)) return false
      if (!(await moveState(db, held.cursor, next, wallClock.now()))) return false
      if (snapshot === null) return true
      if (!(await insertSnapshot(db, snapshot))) {
        throw new Error(`snapshot ${snapshot.snapshot_id} of ${workspace} was published meanwhile`)
      }
      await options.onPublished(tx, workspace)
      return true
    })
  }
}

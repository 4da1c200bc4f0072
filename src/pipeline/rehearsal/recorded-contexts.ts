import type { CampaignSpec } from '#contracts/campaign.ts'
import { headKey, type PolicySnapshot } from '#contracts/decision.ts'
import type { Store, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { withoutWorkspace } from '#platform/store/without-workspace.ts'
import { firstFeatureSchema } from '../../decision/feature-schemas.ts'
import { modelIdOf } from '../../learning/networks/network-features.ts'
import { ensureSnapshotFor, latestSnapshot, loadSnapshot } from '../../learning/snapshot-rows.ts'
import { featuresOfSnapshot } from '../feature-schema-for.ts'
import {
  createWorkspaceContexts,
  emptySnapshot,
  type WorkspaceContext,
  type WorkspaceContexts,
} from '../workspace-context.ts'

/** Contexts of a rehearsal: its own configuration, and the policy snapshot that was in force. */
export interface RecordedContexts extends WorkspaceContexts {
  /** From now on decisions are made by this snapshot. False where it is not kept any more. */
  use(snapshotId: string): Promise<boolean>
  /** From now on every snapshot has what a launch of these campaigns would have added to the present one. */
  cover(specs: readonly CampaignSpec[], scratch: Store, now: number): Promise<void>
}

/** `live`: where the snapshots are; they never change. */
export function createRecordedContexts(live: WorkspaceDb): RecordedContexts {
  const inner = createWorkspaceContexts()
  type Policy = Pick<WorkspaceContext, 'snapshot' | 'features'>
  const policies = new Map<string, Policy | null>()
  let covers = 0
  let current: { id: string; policy: Policy } | null = null
  /** By the configuration's context: one object for each snapshot, as others remember what they know by it. */
  const made = new WeakMap<WorkspaceContext, Map<string, WorkspaceContext>>()
  const load = async (id: string): Promise<Policy | null> => {
    const snapshot = id === emptySnapshot.snapshotId ? null : await loadSnapshot(live, id)
    if (snapshot === null && id !== emptySnapshot.snapshotId) return null
    return {
      snapshot: covered(snapshot ?? emptySnapshot),
      features: await featuresOfSnapshot(live, snapshot),
    }
  }
  let launched: { snapshot: PolicySnapshot; campaignIds: readonly string[] } | null = null
  const covered = (snapshot: PolicySnapshot): PolicySnapshot => {
    if (launched === null || launched.snapshot.featureSchema !== snapshot.featureSchema) return snapshot
    const { snapshot: with_, campaignIds } = launched
    const isNew = (key: string) => campaignIds.some((id) => key.startsWith(headKey(id, '')))
    const added = <V>(own: ReadonlyMap<string, V> = new Map(), more: ReadonlyMap<string, V> = new Map()) =>
      new Map([...[...more].filter(([key]) => isNew(key)), ...own])
    return {
      ...snapshot,
      boundMicros: Math.max(snapshot.boundMicros, with_.boundMicros),
      heads: added(snapshot.heads, with_.heads),
      ...(snapshot.covariances === undefined
        ? {}
        : { covariances: added(snapshot.covariances, with_.covariances) }),
      ...(snapshot.tails === undefined ? {} : { tails: added(snapshot.tails, with_.tails) }),
    }
  }
  return {
    async use(id) {
      if (current?.id === id) return true
      let policy = policies.get(id)
      if (policy === undefined) {
        policy = await load(id)
        policies.set(id, policy)
      }
      if (policy === null) return false
      current = { id, policy }
      return true
    },
    async cover(specs, scratch, now) {
      const snapshotId = current?.id ?? emptySnapshot.snapshotId
      const rows = await live
        .selectFrom('snapshots')
        .selectAll('snapshots')
        .where('snapshots.snapshot_id', '=', snapshotId)
        .execute()
      const networks = await networksOf(live, current?.policy.snapshot ?? emptySnapshot)
      const snapshot = await scratch.transaction(async (tx) => {
        const db = tx.workspace(live.workspace)
        await db.bulkInsert('networks', networks, 'ignore')
        await db.bulkInsert('snapshots', rows.map(withoutWorkspace), 'ignore')
        const first = rows.length === 0 ? firstFeatureSchema : undefined
        for (const spec of specs) await ensureSnapshotFor(db, spec, now, first)
        return await latestSnapshot(db)
      })
      if (snapshot === null) return
      launched = { snapshot, campaignIds: specs.map(({ campaignId }) => campaignId) }
      policies.clear()
      const policy = await load(snapshotId)
      if (policy !== null) current = { id: snapshotId, policy }
      covers += 1
    },
    async load(scope, workspace) {
      const context = await inner.load(scope, workspace)
      if (context === null || current === null) return context
      const own = made.get(context) ?? new Map<string, WorkspaceContext>()
      made.set(context, own)
      const key = `${covers} ${current.id}`
      const known = own.get(key)
      if (known !== undefined) return known
      const withPolicy = { ...context, ...current.policy }
      own.set(key, withPolicy)
      return withPolicy
    },
    known: () => null,
  }
}

/** The network whose bottleneck a snapshot looks at: the scratch store reads its own configuration too. */
async function networksOf(
  live: WorkspaceDb,
  { featureSchema }: PolicySnapshot,
): Promise<WorkspaceRowOf<'networks'>[]> {
  const modelId = modelIdOf(featureSchema)
  if (modelId === null) return []
  const rows = await live
    .selectFrom('networks')
    .selectAll('networks')
    .where('networks.model_id', '=', modelId)
    .execute()
  return rows.map(withoutWorkspace)
}

import type { WorkspaceDb } from '#platform/store/store.ts'
import { loadSnapshot } from '../../learning/snapshot-rows.ts'
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
}

/** `live`: where the snapshots are; they never change. */
export function createRecordedContexts(live: WorkspaceDb): RecordedContexts {
  const inner = createWorkspaceContexts()
  type Policy = Pick<WorkspaceContext, 'snapshot' | 'features'>
  const policies = new Map<string, Policy | null>()
  let current: { id: string; policy: Policy } | null = null
  /** By the configuration's context: one object for each snapshot, as others remember what they know by it. */
  const made = new WeakMap<WorkspaceContext, Map<string, WorkspaceContext>>()
  const load = async (id: string): Promise<Policy | null> => {
    const snapshot = id === emptySnapshot.snapshotId ? null : await loadSnapshot(live, id)
    if (snapshot === null && id !== emptySnapshot.snapshotId) return null
    return { snapshot: snapshot ?? emptySnapshot, features: await featuresOfSnapshot(live, snapshot) }
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
    async load(scope, workspace) {
      const context = await inner.load(scope, workspace)
      if (context === null || current === null) return context
      const own = made.get(context) ?? new Map<string, WorkspaceContext>()
      made.set(context, own)
      const known = own.get(current.id)
      if (known !== undefined) return known
      const withPolicy = { ...context, ...current.policy }
      own.set(current.id, withPolicy)
      return withPolicy
    },
    known: () => null,
  }
}

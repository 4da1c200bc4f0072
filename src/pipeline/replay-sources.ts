import type { CampaignVersion } from '#contracts/campaign.ts'
import type { PolicySnapshot } from '#contracts/decision.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignVersion } from '../campaign/campaign-rows.ts'
import { loadSnapshot } from '../learning/snapshot-rows.ts'
import { emptySnapshot } from './workspace-context.ts'

type Named = readonly { campaignId: string; version: number }[]

/** What decisions name. It never changes, so what was read once is kept: for as long as one job takes. */
export interface ReplaySourceReader {
  /** Null where it is not kept any more. */
  snapshot(db: WorkspaceDb, snapshotId: string): Promise<PolicySnapshot | null>
  versions(
    db: WorkspaceDb,
    named: Named,
  ): Promise<{ kind: 'found'; versions: CampaignVersion[] } | { kind: 'gone'; detail: string }>
  /** Both, or which of them is gone. */
  sources(
    db: WorkspaceDb,
    decision: { snapshotId: string; campaigns: Named },
  ): Promise<
    | { kind: 'found'; snapshot: PolicySnapshot; campaigns: CampaignVersion[] }
    | { kind: 'gone'; detail: string }
  >
}

export function createReplaySourceReader(): ReplaySourceReader {
  const snapshots = new Map<string, PolicySnapshot | null>([[emptySnapshot.snapshotId, emptySnapshot]])
  const known = new Map<string, CampaignVersion | null>()
  const versionOf = (db: WorkspaceDb, campaignId: string, version: number) =>
    remembered(known, `${campaignId} ${version}`, () => loadCampaignVersion(db, campaignId, version))
  const reader: ReplaySourceReader = {
    snapshot: (db, snapshotId) => remembered(snapshots, snapshotId, () => loadSnapshot(db, snapshotId)),
    async versions(db, named) {
      const versions: CampaignVersion[] = []
      for (const { campaignId, version } of named) {
        const found = await versionOf(db, campaignId, version)
        if (found === null) return gone(`version ${version} of ${campaignId} is not kept any more`)
        versions.push(found)
      }
      return { kind: 'found', versions }
    },
    async sources(db, { snapshotId, campaigns }) {
      const found = await reader.versions(db, campaigns)
      if (found.kind === 'gone') return found
      const snapshot = await reader.snapshot(db, snapshotId)
      if (snapshot === null)
        return gone(`the policy snapshot ${snapshotId} that it names is not kept any more`)
      return { kind: 'found', snapshot, campaigns: found.versions }
    },
  }
  return reader
}

async function remembered<T>(kept: Map<string, T>, key: string, load: () => Promise<T>): Promise<T> {
  const known = kept.get(key)
  if (known !== undefined) return known
  const loaded = await load()
  kept.set(key, loaded)
  return loaded
}

function gone(detail: string): { kind: 'gone'; detail: string } {
  return { kind: 'gone', detail }
}

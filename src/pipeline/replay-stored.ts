import { setImmediate } from 'node:timers/promises'
import type { CampaignVersion } from '#contracts/campaign.ts'
import type { PolicySnapshot } from '#contracts/decision.ts'
import type { RowOf, Store, StoreScope, WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignVersion } from '../campaign/campaign-rows.ts'
import { decodeDecision } from '../decision/record.ts'
import { checkReplay } from '../decision/replay.ts'
import { loadSnapshot } from '../learning/snapshot-rows.ts'
import { emptySnapshot } from './workspace-context.ts'

/** Few enough that a page holds a thread for some milliseconds only. */
const rowsPerPage = 200

export interface ReplayedDecisions {
  identical: number
  /** Made by another engine; the choice is the same again. */
  sameChoice: number
  /** Given without a draw, as a placement's default: there is nothing to replay. */
  notDrawn: number
  /** The others, each with what is wrong. */
  faults: { decisionId: string; detail: string }[]
}

/**
 * Decides every stored decision once more from its record and what it names, in pages by id. A snapshot or a
 * campaign version that is gone is a fault that names it.
 */
export async function replayStored(
  store: Store,
  workspace: string,
  onPage: (replayed: number) => void = () => undefined,
): Promise<ReplayedDecisions> {
  const result: ReplayedDecisions = { identical: 0, sameChoice: 0, notDrawn: 0, faults: [] }
  const sources = createSources()
  let after = ''
  for (let replayed = 0; ; ) {
    const rows = await store.snapshot(async (scope: StoreScope) => {
      const db = scope.workspace(workspace)
      const page = await db
        .selectFrom('decisions')
        .selectAll('decisions')
        .where('decisions.decision_id', '>', after)
        .orderBy('decisions.decision_id')
        .limit(rowsPerPage)
        .execute()
      for (const row of page) await replayRow(db, row, sources, result)
      return page
    })
    replayed += rows.length
    onPage(replayed)
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsPerPage) return result
    after = last.decision_id
    await setImmediate()
  }
}

async function replayRow(
  db: WorkspaceDb,
  row: RowOf<'decisions'>,
  sources: ReturnType<typeof createSources>,
  result: ReplayedDecisions,
): Promise<void> {
  if (row.outcome === 'degraded') {
    result.notDrawn += 1
    return
  }
  const fault = (detail: string) => result.faults.push({ decisionId: row.decision_id, detail })
  const { snapshotId, campaigns: named } = decodeDecision(row.record)
  const snapshot = await sources.snapshot(db, snapshotId)
  if (snapshot === null) {
    fault(`the policy snapshot ${snapshotId} that it names is not kept any more`)
    return
  }
  const campaigns: CampaignVersion[] = []
  for (const { campaignId, version } of named) {
    const found = await sources.version(db, campaignId, version)
    if (found === null) {
      fault(`version ${version} of ${campaignId} is not kept any more`)
      return
    }
    campaigns.push(found)
  }
  const replay = checkReplay(row.record, { snapshot, campaigns })
  if (replay.kind === 'equal') result.identical += 1
  else if (replay.kind === 'other-engine' && replay.choiceEqual) result.sameChoice += 1
  else
    fault(
      replay.kind === 'different' ? 'its bytes differ' : `made by ${replay.engineVersion}: another choice`,
    )
}

/** Snapshots and versions never change: each is read once. */
function createSources() {
  const snapshots = new Map<string, PolicySnapshot | null>([[emptySnapshot.snapshotId, emptySnapshot]])
  const versions = new Map<string, CampaignVersion | null>()
  return {
    async snapshot(db: WorkspaceDb, id: string): Promise<PolicySnapshot | null> {
      const known = snapshots.get(id)
      if (known !== undefined) return known
      const loaded = await loadSnapshot(db, id)
      snapshots.set(id, loaded)
      return loaded
    },
    async version(db: WorkspaceDb, campaignId: string, version: number): Promise<CampaignVersion | null> {
      const key = `${campaignId}\u0000${version}`
      const known = versions.get(key)
      if (known !== undefined) return known
      const loaded = await loadCampaignVersion(db, campaignId, version)
      versions.set(key, loaded)
      return loaded
    },
  }
}

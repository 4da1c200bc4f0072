import type { CampaignSpec, CampaignVersion } from '#contracts/campaign.ts'
import type { StoreTransaction } from '#platform/store/store.ts'
import { insertCampaignVersions, loadStanding } from '../campaign/campaign-rows.ts'
import { transition } from '../campaign/lifecycle.ts'
import { ensureSnapshotFor } from '../learning/snapshot-rows.ts'

/**
 * Lets a live campaign run on with another spec: draft, approved and live by one person, whose command is the
 * approval. The campaign must be live with nothing waiting. Readers must be told in the same transaction.
 */
export async function relaunch(
  tx: StoreTransaction,
  workspace: string,
  change: { spec: CampaignSpec; actor: string; note: string; now: number },
): Promise<CampaignVersion> {
  const { spec, actor, note, now } = change
  const { campaignId } = spec
  const db = tx.workspace(workspace)
  const { newestVersion } = await loadStanding(db, campaignId)
  const draft = { campaignId, version: newestVersion + 1, state: 'draft' as const, spec, actor, note }
  await insertCampaignVersions(db, [{ ...draft, createdAt: now }])
  let version: CampaignVersion = { ...draft, createdAt: now }
  for (const action of ['approve', 'launch'] as const) {
    const moved = await transition(db, { campaignId, action, actor, note, now })
    if (moved.kind === 'refused') throw new Error(`${action} of ${campaignId}: ${moved.fault.detail}`)
    version = moved.version
  }
  await ensureSnapshotFor(db, spec, now)
  return version
}

import type { CampaignVersion } from '#contracts/campaign.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignVersion } from './campaign-rows.ts'

/** Versions once read: a version never changes, and its templates are long to read. */
export interface CampaignVersions {
  load(db: WorkspaceDb, campaignId: string, version: number): Promise<CampaignVersion | null>
}

const versionsKept = 200

export function createCampaignVersions(): CampaignVersions {
  const kept = new Map<string, CampaignVersion>()
  return {
    async load(db, campaignId, version) {
      const key = JSON.stringify([db.workspace, campaignId, version])
      const known = kept.get(key)
      if (known !== undefined) return known
      const loaded = await loadCampaignVersion(db, campaignId, version)
      if (loaded === null) return null
      if (kept.size >= versionsKept) kept.delete(kept.keys().next().value!)
      kept.set(key, loaded)
      return loaded
    },
  }
}

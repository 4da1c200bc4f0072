import type { Store } from '#platform/store/store.ts'
import { loadCampaign } from '../campaign/campaign-rows.ts'
import { loadGuardrailSettings } from '../campaign/document-rows.ts'
import { loadWorkspace } from '../campaign/workspaces.ts'
import type { UpliftReport } from '../report/report-schema.ts'
import { buildUpliftReport } from '../report/uplift-report.ts'

/** The uplift report of a campaign, of one consistent look at the store; null when there is no such campaign. */
export async function campaignReport(
  store: Store,
  workspace: string,
  campaignId: string,
  now: number,
): Promise<UpliftReport | null> {
  return store.snapshot(async (scope) => {
    const db = scope.workspace(workspace)
    const campaign = await loadCampaign(db, campaignId)
    const settings = await loadWorkspace(scope, workspace)
    if (campaign === null || settings === null) return null
    const { globalHoldout } = await loadGuardrailSettings(db)
    return buildUpliftReport(db, {
      spec: campaign.spec,
      state: campaign.state,
      version: campaign.version,
      now,
      globalHoldout,
      currency: settings.reportingCurrency,
    })
  })
}

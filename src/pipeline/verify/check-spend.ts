import type { Store } from '#platform/store/store.ts'
import { recountSpend, repairSpend } from '../../action/campaign-spend.ts'
import { listCampaigns } from '../../campaign/campaign-rows.ts'
import type { CheckResult } from './difference.ts'

/** Each campaign's counter of money is what its messages add up to. A repair sets it to that. */
export async function checkSpend(
  store: Store,
  workspace: string,
  { repair }: { repair: boolean },
): Promise<CheckResult> {
  const found = repair
    ? await store.transaction((tx) => repairSpend(tx.workspace(workspace)))
    : await store.snapshot((scope) => recountSpend(scope.workspace(workspace)))
  return {
    checked: (await listCampaigns(store.read.workspace(workspace))).length,
    differences: found.map(({ campaignId, stored, recounted }) => ({
      check: 'spend',
      id: campaignId,
      detail: `counts ${stored.spentMicros} micros spent and ${stored.queuedMicros} queued; its messages add up to ${recounted.spentMicros} and ${recounted.queuedMicros}`,
      repaired: repair,
    })),
  }
}

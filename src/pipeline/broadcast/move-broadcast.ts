import type { ApiErrorCode, ApiFault } from '#contracts/errors.ts'
import { loadRun } from '../../campaign/broadcast-rows.ts'
import { loadStanding } from '../../campaign/campaign-rows.ts'
import { type Change, type ChangeParts, type MovedCampaign, moveCampaignIn } from '../change-workspace.ts'

export type BroadcastAction = 'pause' | 'resume' | 'cancel'

const actions = { pause: 'pause', resume: 'launch', cancel: 'end' } as const

/**
 * Pauses, resumes or cancels a broadcast that was started, by its campaign: from the acknowledgement on nothing of
 * it begins to be sent but what the answer lists, also of what is queued already.
 */
export async function moveBroadcast(
  parts: ChangeParts,
  { action, ...change }: Change & { campaignId: string; action: BroadcastAction; note: string },
): Promise<MovedCampaign | { kind: 'refused'; fault: ApiFault }> {
  return parts.store.transaction(async (tx) => {
    const { campaignId, workspace } = change
    const db = tx.workspace(workspace)
    const { running } = await loadStanding(db, campaignId)
    if (running === null) return refused('not_found', `there is no campaign ${campaignId} that runs`)
    if ((await loadRun(db, campaignId)) === null)
      return refused('conflict', `${campaignId} was never started as a broadcast`)
    if (action === 'resume' && running.state !== 'paused')
      return refused('conflict', `${campaignId} is ${running.state}: only a paused broadcast is resumed`)
    return moveCampaignIn(tx, parts, { ...change, action: actions[action] })
  })
}

function refused(code: ApiErrorCode, detail: string): { kind: 'refused'; fault: ApiFault } {
  return { kind: 'refused', fault: { code, detail } }
}

import type { CampaignState, CampaignVersion } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { ApiErrorCode, ApiFault } from '#contracts/errors.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { insertCampaignVersions, loadStanding } from './campaign-rows.ts'
import type { Standing } from './standing.ts'

export type CampaignAction = 'submit' | 'approve' | 'launch' | 'pause' | 'end'

export interface TransitionRequest {
  campaignId: string
  action: CampaignAction
  actor: string
  note: string
  now: InstantMs
}

export type TransitionResult =
  | { kind: 'moved'; version: CampaignVersion }
  | { kind: 'refused'; fault: ApiFault }

/** Takes a campaign one step further: a row with the next number, in the new state. See `Standing`. */
export async function transition(db: WorkspaceDb, request: TransitionRequest): Promise<TransitionResult> {
  const { campaignId, action, actor, note, now } = request
  const { newestVersion, ...standing } = await loadStanding(db, campaignId)
  if (newestVersion === 0) return refused('not_found', `there is no campaign ${campaignId}`)
  if (action === 'approve' && !isPerson(actor)) {
    return refused('invalid_request', 'an approval names the person who gives it', 'actor')
  }
  const step = steps[action](standing, campaignId)
  if ('fault' in step) return step.fault
  const version = { ...step.from, version: newestVersion + 1, state: step.to, actor, note, createdAt: now }
  await insertCampaignVersions(db, [version])
  return { kind: 'moved', version }
}

type Step = { from: CampaignVersion; to: CampaignState } | { fault: TransitionResult }
type TakeStep = (standing: Standing<CampaignVersion>, campaignId: string) => Step

const steps: Record<CampaignAction, TakeStep> = {
  submit({ waiting }, id) {
    if (waiting?.state === 'draft') return { from: waiting, to: 'in-review' }
    if (waiting === null) return conflict(`${id} has no draft: change its definition and apply it`)
    return conflict(`version ${waiting.version} of ${id} is ${waiting.state} already`)
  },
  approve({ waiting }, id) {
    if (waiting?.state === 'draft' || waiting?.state === 'in-review') return { from: waiting, to: 'approved' }
    if (waiting === null) return conflict(`${id} has nothing to approve: change its definition and apply it`)
    return conflict(`version ${waiting.version} of ${id} is approved already: launch it`)
  },
  launch({ running, waiting }, id) {
    if (waiting?.state === 'approved') return { from: waiting, to: 'live' }
    if (running?.state === 'paused') return { from: running, to: 'live' }
    if (waiting !== null) {
      const detail = `version ${waiting.version} of ${id} is ${waiting.state}: approve it, then launch it`
      return { fault: refused('campaign_not_approved', detail) }
    }
    if (running?.state === 'ended')
      return conflict(`${id} has ended: apply a changed definition to begin again`)
    return conflict(`${id} is live already`)
  },
  pause({ running }, id) {
    return running?.state === 'live'
      ? { from: running, to: 'paused' }
      : conflict(`${id} ${nowIs(running)}: only a live campaign pauses`)
  },
  end({ running }, id) {
    if (running?.state === 'live' || running?.state === 'paused') return { from: running, to: 'ended' }
    return conflict(`${id} ${nowIs(running)}: only a live or paused campaign ends`)
  },
}

function nowIs(running: CampaignVersion | null): string {
  if (running === null) return 'was never launched'
  return running.state === 'ended' ? 'has ended' : `is ${running.state}`
}

function conflict(detail: string): Step {
  return { fault: refused('conflict', detail) }
}

function refused(code: ApiErrorCode, detail: string, field?: string): TransitionResult {
  return { kind: 'refused', fault: { code, detail, ...(field === undefined ? {} : { field }) } }
}

/** Agents and the system itself act under names with a prefix; approving is for people. */
export function isPerson(actor: string): boolean {
  return actor.trim() !== '' && !/^(agent|system)(:|$)/.test(actor)
}

import { nothingHead } from '#contracts/decision.ts'
import type { StoreScope } from '#platform/store/store.ts'
import { loadRunningCampaigns } from '../campaign/campaign-rows.ts'
import { loadPolicySettings, type PolicyCandidate } from '../learning/candidate-rows.ts'
import {
  describeGateRefusal,
  type GateSettings,
  type GateVerdict,
  promotionGate,
} from '../learning/promotion-gate.ts'
import { comparedRows } from '../report/off-policy/evaluate-log.ts'
import { checkFairness } from '../report/uplift-report.ts'
import { featuresOfTarget } from './features-of-target.ts'
import { loadDecisionLog } from './load-decision-log.ts'

export interface CandidateVerdict {
  passed: boolean
  settings: GateSettings
  /** One for each live campaign that chooses by score. */
  campaigns: ({ campaignId: string; goalId: string; decisions: number } & GateVerdict)[]
  /** Why not, for people; empty where it passed. */
  reasons: string[]
}

/** Newest first: 50,000 take a second or more of the thread, in turns of some tenths. */
const decisionsMax = 50_000

/**
 * The promotion gate over the workspace's own log: a candidate must pass for each live campaign that chooses
 * by score, on decisions that cannot have taught it. The reward is money: what a conversion is worth less
 * what the send cost, as the score has it.
 */
export async function judgeCandidate(
  scope: StoreScope,
  workspace: string,
  candidate: Pick<PolicyCandidate, 'content' | 'sinceSnapshotId' | 'changes' | 'proposedAt'>,
  now: number,
): Promise<CandidateVerdict> {
  const db = scope.workspace(workspace)
  const settings = await loadPolicySettings(db)
  const { content, sinceSnapshotId, changes, proposedAt } = candidate
  const featuresOf = await featuresOfTarget(scope, workspace, content)
  const campaigns: CandidateVerdict['campaigns'] = []
  const unfair: string[] = []
  for (const { campaignId, spec, state } of await loadRunningCampaigns(db)) {
    if (state !== 'live' || spec.policy.kind === 'fixed-split') continue
    const goalId = spec.goal.id
    const { log } = await loadDecisionLog(db, {
      campaignId,
      goalId,
      reward: 'value',
      target: { kind: 'snapshot', snapshot: content },
      now,
      // Heads over a network were taught by all that had settled when they were proposed, whoever decided it.
      since: changes === 'network' ? proposedAt : 0,
      until: now,
      sinceSnapshotId,
      featuresOf,
      decisionsMax,
    })
    const { candidate: own, constants } = await comparedRows(log, log.target, nothingHead)
    const verdict: GateVerdict =
      own.kind === 'refused'
        ? { kind: 'refused', refusals: own.refusals, figures: null }
        : promotionGate(own.rows, constants, settings)
    campaigns.push({ campaignId, goalId, decisions: log.n, ...verdict })
    if (spec.fairness?.blocksPromotion) unfair.push(...(await checkFairness(db, spec)).notes)
  }
  const reasons = campaigns.flatMap((campaign) =>
    campaign.kind === 'passed'
      ? []
      : campaign.refusals.map((refusal) => `${campaign.campaignId}: ${describeGateRefusal(refusal)}`),
  )
  if (campaigns.length === 0) reasons.push('no live campaign chooses by score: there is nothing to judge by')
  reasons.push(...unfair)
  const { effectiveRowsMin, lossMaxShare } = settings
  return { passed: reasons.length === 0, settings: { effectiveRowsMin, lossMaxShare }, campaigns, reasons }
}

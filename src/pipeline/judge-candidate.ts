import { nothingHead } from '#contracts/decision.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { loadRunningCampaigns } from '../campaign/campaign-rows.ts'
import type { PolicyCandidate } from '../learning/candidate-rows.ts'
import {
  describeGateRefusal,
  type GateSettings,
  type GateVerdict,
  promotionGate,
} from '../learning/promotion-gate.ts'
import { comparedRows } from '../report/off-policy/evaluate-log.ts'
import { checkFairness } from '../report/uplift-report.ts'
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
  db: WorkspaceDb,
  { content, sinceSnapshotId }: Pick<PolicyCandidate, 'content' | 'sinceSnapshotId'>,
  settings: GateSettings,
  now: number,
): Promise<CandidateVerdict> {
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
      since: 0,
      until: now,
      sinceSnapshotId,
      decisionsMax,
    })
    const { candidate, constants } = await comparedRows(log, log.target, nothingHead)
    const verdict: GateVerdict =
      candidate.kind === 'refused'
        ? { kind: 'refused', refusals: candidate.refusals, figures: null }
        : promotionGate(candidate.rows, constants, settings)
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

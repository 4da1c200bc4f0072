import { nothingHead } from '#contracts/decision.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { describeRefusal } from '#statistics/off-policy/refusal.ts'
import { listCampaigns } from '../../campaign/campaign-rows.ts'
import { loadDecision } from '../../decision/decision-rows.ts'
import { decodeDecision } from '../../decision/record.ts'
import { evaluateLog } from '../../report/off-policy/evaluate-log.ts'
import { loadDecisionLog } from '../load-decision-log.ts'
import type { RehearsedDecisions } from '../logged-actions.ts'
import { createReplaySourceReader } from '../replay-sources.ts'

/** What the goal of a campaign would have come to. */
export interface Prediction {
  campaignId: string
  goalId: string
  /**
   * `off-policy`: conversions per decision, doubly robust, from recorded decisions whose window is over (ADR 23).
   * `holdout`: of a simulation, conversions per customer that messages added against its holdout.
   */
  by: 'off-policy' | 'holdout'
  /** Of the holdout: customers. */
  decisions: number
  /** As it was; null in a simulation. */
  recorded: { value: number; interval: { lower: number; upper: number } } | null
  /** As rehearsed; null where the recording does not tell. */
  rehearsed: { value: number; interval: { lower: number; upper: number } } | null
  /** Why it does not. */
  refusals: string[]
}

/** More decisions than these say no more that anybody waits for. */
const decisionsMax = 20_000
/** Below this the recording speaks of another programme than the one that was rehearsed. */
const sharedShareMin = 0.95

/**
 * From the decisions that history and rehearsal both made: with which probabilities each drew. The response
 * probabilities of the policy itself would say what it believes; the recording says what happened.
 */
export async function predictOutcomes({
  live,
  scratch,
  since,
  until,
  now,
}: {
  live: WorkspaceDb
  scratch: WorkspaceDb
  since: number
  until: number
  now: number
}): Promise<Prediction[]> {
  const reader = createReplaySourceReader()
  const rehearsed: RehearsedDecisions = async (decisionId) => {
    const row = await loadDecision(scratch, decisionId)
    if (row === null || row.record.length === 0) return null
    const decision = decodeDecision(row.record)
    const named = await reader.versions(scratch, decision.campaigns)
    return named.kind === 'gone' ? null : { decision, campaigns: named.versions }
  }
  const predictions: Prediction[] = []
  for (const { campaignId, spec, state } of await listCampaigns(live)) {
    if (state === 'draft' || spec.policy.kind === 'fixed-split') continue
    const goalId = spec.goal.id
    const target = { kind: 'rehearsed' as const, rehearsed }
    const { log } = await loadDecisionLog(live, {
      campaignId,
      goalId,
      reward: 'conversions',
      target,
      now,
      since,
      until,
      sinceSnapshotId: '',
      decisionsMax,
    })
    if (log.n === 0) continue
    const { evaluation, logged, decisions } = await evaluateLog(log, log.target, nothingHead)
    const dr =
      evaluation.kind === 'evaluated'
        ? evaluation.estimates.find(({ estimator }) => estimator === 'dr')
        : undefined
    const refusals = evaluation.kind === 'refused' ? evaluation.refusals.map(describeRefusal) : []
    const unknown = await shareUnknown({ live, scratch }, { campaignId, since, until })
    if (unknown > 1 - sharedShareMin)
      refusals.push(
        `${(100 * unknown).toFixed(0)} % of what the rehearsal sent answers triggers that history did not decide about`,
      )
    const isTold = dr !== undefined && refusals.length === 0
    predictions.push({
      campaignId,
      goalId,
      by: 'off-policy',
      decisions,
      recorded: logged,
      rehearsed: isTold ? { value: dr.value, interval: dr.interval } : null,
      refusals,
    })
  }
  return predictions
}

/** Of the rehearsal's treatments of a campaign, those of decisions that history did not make. */
async function shareUnknown(
  { live, scratch }: { live: WorkspaceDb; scratch: WorkspaceDb },
  { campaignId, since, until }: { campaignId: string; since: number; until: number },
): Promise<number> {
  const idsIn = async (db: WorkspaceDb) =>
    await db
      .selectFrom('decisions')
      .select('decisions.decision_id')
      .where('decisions.decided_at', '>=', since)
      .where('decisions.decided_at', '<', until)
      .where('decisions.campaign_id', '=', campaignId)
      .execute()
  const made = await idsIn(scratch)
  if (made.length === 0) return 0
  const ids = made.map((row) => row.decision_id)
  let known = 0
  for (let from = 0; from < ids.length; from += 1000) {
    const rows = await live
      .selectByKeys('decisions', 'decision_id', ids.slice(from, from + 1000))
      .select('decisions.decision_id')
      .execute()
    known += rows.length
  }
  return 1 - known / ids.length
}

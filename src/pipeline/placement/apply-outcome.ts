import type { LogRecord, OutcomePayload } from '#contracts/event.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { RowOf } from '#platform/store/store.ts'
import { applyEngagement } from '../../profile/apply-event.ts'
import { nextAppliedOrder } from '../../profile/profile.ts'
import { creditLearner } from '../credit-conversions.ts'
import { openWindow } from '../follow-decision.ts'
import { setAsideRow } from '../rejected-event-rows.ts'
import type { WorkspaceBatch } from '../workspace-batch.ts'

/** These say that the customer has seen it, also where nobody said so before. */
const showsThat: ReadonlySet<OutcomePayload['outcome']> = new Set(['exposure', 'click', 'reward', 'accepted'])

/**
 * What became of a decision at a placement. Shown, it opens the learner's window; a reward is credited to this
 * decision's own window, as a correction where that has closed. What was given without a draw teaches nothing.
 */
export function applyOutcome(rows: WorkspaceBatch, record: LogRecord<OutcomePayload>, now: number): void {
  const { payload, customerId, occurredAt } = record
  const rank = rows.ranks.get(payload.decisionId)
  if (rank === undefined) {
    const detail = `no treatment was given at a placement by the decision ${payload.decisionId}`
    rows.written.rejected.push(setAsideRow(record, detail))
    return
  }
  const clicks = payload.outcome === 'click' ? rows.customers.get(customerId) : undefined
  const appliedOrder = clicks === undefined ? 0 : nextAppliedOrder(clicks.profile)
  rows.written.engagements.push({ ...record, appliedAt: now, appliedOrder })
  if (showsThat.has(payload.outcome)) expose(rows, record, rank)
  switch (payload.outcome) {
    case 'exposure':
      return
    case 'click':
      countClick(rows, customerId, occurredAt)
      break
    case 'reward':
      creditReward(rows, record, rank)
      break
    case 'accepted':
    case 'declined':
      respond(rows, record, rank)
  }
  rows.written.outcomes.push({
    day_utc: dayUtcOf(record.receivedAt),
    outcome_id: record.eventId,
    customer_id: customerId,
    kind: payload.outcome,
    campaign_id: rank.campaign_id,
    goal_id: payload.outcome === 'reward' ? rank.goal_id : '',
    event_id: record.eventId,
    message_id: '',
    value_micros: payload.valueMicros ?? 0,
    occurred_at: occurredAt,
  })
}

function expose(
  rows: WorkspaceBatch,
  { customerId, occurredAt }: LogRecord<OutcomePayload>,
  rank: RowOf<'decision_ranks'>,
): void {
  if (rank.exposed_at !== null) return
  // Nobody has seen it before it was decided: what a caller's slow clock says is put right.
  rank.exposed_at = Math.max(occurredAt, rank.decided_at)
  rows.written.rankChanges.add(rank)
  if (rank.degraded === 1) return
  openWindow(rows, {
    decisionId: rank.decision_id,
    decisionDayUtc: rank.day_utc,
    customerId,
    at: rank.exposed_at,
    campaignId: rank.campaign_id,
    goalId: rank.goal_id,
    windowMs: rank.window_ms,
    head: rank.treatment_id,
  })
}

/**
 * The report of uplift does not count it: only who was treated can have such a reward. It counts the goal's
 * events, which come alike from those held out.
 */
function creditReward(
  rows: WorkspaceBatch,
  { customerId, occurredAt }: LogRecord<OutcomePayload>,
  rank: RowOf<'decision_ranks'>,
): void {
  const own = (rows.exposures.get(customerId) ?? []).filter((row) => row.decision_id === rank.decision_id)
  creditLearner(rows, own, rank.goal_id, Math.max(occurredAt, rank.exposed_at ?? occurredAt))
}

/** The last word counts. */
function respond(
  rows: WorkspaceBatch,
  { payload, occurredAt }: LogRecord<OutcomePayload>,
  rank: RowOf<'decision_ranks'>,
): void {
  rank.response = payload.outcome
  rank.response_reason = payload.reason ?? ''
  rank.response_by = payload.operator ?? ''
  rank.responded_at = occurredAt
  rows.written.rankChanges.add(rank)
}

function countClick(rows: WorkspaceBatch, customerId: string, occurredAt: number): void {
  const customer = rows.customers.get(customerId)
  if (customer === undefined) return
  applyEngagement(customer, 'click', occurredAt)
  rows.changed.add(customerId)
}

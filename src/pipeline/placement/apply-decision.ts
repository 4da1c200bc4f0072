import type { DecisionPayload, LogRecord, RankPayload } from '#contracts/event.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { WorkspaceRowOf } from '#platform/store/store.ts'
import { rankSlot } from '../../decision/decision-rank-rows.ts'
import { enrol } from '../enrol.ts'
import { exposeNothing } from '../follow-decision.ts'
import type { WorkspaceBatch } from '../workspace-batch.ts'

/**
 * Stores what the API has decided and answered, as it stands in the record: nothing is judged again, since it
 * has been shown. The customer is the record's, who may have been merged since. Returns the decisions stored.
 */
export function applyDecision(rows: WorkspaceBatch, record: LogRecord<DecisionPayload>): number {
  const { customerId, occurredAt, payload } = record
  for (const enrolment of payload.enrolments) {
    enrol(rows, { ...enrolment, customerId, enteredAt: occurredAt, decisionId: record.eventId })
  }
  for (const unprompted of payload.unprompted) {
    exposeNothing(rows, {
      ...unprompted,
      decisionId: record.eventId,
      decisionDayUtc: dayUtcOf(record.receivedAt),
      customerId,
      at: occurredAt,
    })
  }
  for (const [index, rank] of payload.ranks.entries()) {
    rows.written.decisions.push(decisionRow(record, rank))
    if (rank.chosen !== undefined) keepRank(rows, record, rank, rank.chosen, index + 1)
  }
  return payload.ranks.length
}

function decisionRow(
  { customerId, occurredAt, receivedAt }: LogRecord<DecisionPayload>,
  rank: RankPayload,
): WorkspaceRowOf<'decisions'> {
  const { chosen } = rank
  return {
    day_utc: dayUtcOf(receivedAt),
    decision_id: rank.decisionId,
    customer_id: customerId,
    trigger_kind: 'request',
    trigger_id: rank.triggerId,
    decided_at: occurredAt,
    outcome: rank.outcome,
    campaign_id: chosen?.campaignId ?? '',
    campaign_version: chosen?.campaignVersion ?? 0,
    treatment_id: chosen?.treatmentId ?? '',
    variant_id: chosen?.variantId ?? '',
    propensity: rank.propensity,
    snapshot_id: rank.snapshotId,
    excluded_json: JSON.stringify(rank.excluded),
    record: Buffer.from(rank.record, 'base64'),
  }
}

function keepRank(
  rows: WorkspaceBatch,
  { eventId, customerId, occurredAt, receivedAt, payload }: LogRecord<DecisionPayload>,
  { decisionId, outcome }: RankPayload,
  chosen: NonNullable<RankPayload['chosen']>,
  rank: number,
): void {
  const row = {
    decision_id: decisionId,
    day_utc: dayUtcOf(receivedAt),
    request_id: eventId,
    rank,
    customer_id: customerId,
    placement: payload.placement,
    campaign_id: chosen.campaignId,
    campaign_version: chosen.campaignVersion,
    treatment_id: chosen.treatmentId,
    variant_id: chosen.variantId,
    channel: chosen.channel,
    goal_id: chosen.goalId,
    window_ms: chosen.windowMs,
    degraded: outcome === 'degraded' ? (1 as const) : (0 as const),
    decided_at: occurredAt,
    expires_at: chosen.expiresAt,
    exposed_at: null,
    response: '',
    response_reason: '',
    response_by: '',
    responded_at: null,
  }
  rows.written.ranks.push(row)
  rows.ranks.set(decisionId, { workspace: rows.db.workspace, ...row })
  const { channel, campaignId, expiresAt } = chosen
  const slot = rankSlot({
    decisionId,
    channel,
    campaignId,
    decidedAt: occurredAt,
    exposedAt: null,
    expiresAt,
  })
  rows.contacts.set(customerId, [...(rows.contacts.get(customerId) ?? []), slot])
}

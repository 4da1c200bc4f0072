import type { ChannelName } from '#contracts/campaign.ts'
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
  for (const rank of payload.ranks) rows.written.decisions.push(decisionRow(record, rank))
  for (const row of rankRows(record)) keepRank(rows, row)
  return payload.ranks.length
}

/** What the decision gave, by rank. */
export function rankRows(record: LogRecord<DecisionPayload>): WorkspaceRowOf<'decision_ranks'>[] {
  return record.payload.ranks.flatMap((rank, index) =>
    rank.chosen === undefined ? [] : [rankRow(record, rank, rank.chosen, index + 1)],
  )
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

function keepRank(rows: WorkspaceBatch, row: WorkspaceRowOf<'decision_ranks'>): void {
  rows.written.ranks.push(row)
  rows.ranks.set(row.decision_id, {
    ...row,
    workspace: rows.db.workspace,
    exposed_at: null,
    responded_at: null,
  })
  const slot = rankSlot({
    decisionId: row.decision_id,
    channel: row.channel as ChannelName,
    campaignId: row.campaign_id,
    decidedAt: row.decided_at,
    exposedAt: null,
    expiresAt: row.expires_at,
  })
  rows.contacts.set(row.customer_id, [...(rows.contacts.get(row.customer_id) ?? []), slot])
}

function rankRow(
  { eventId, customerId, occurredAt, receivedAt, payload }: LogRecord<DecisionPayload>,
  { decisionId, outcome }: RankPayload,
  chosen: NonNullable<RankPayload['chosen']>,
  rank: number,
): WorkspaceRowOf<'decision_ranks'> {
  return {
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
    degraded: outcome === 'degraded' ? 1 : 0,
    decided_at: occurredAt,
    expires_at: chosen.expiresAt,
    exposed_at: null,
    response: '',
    response_reason: '',
    response_by: '',
    responded_at: null,
  }
}

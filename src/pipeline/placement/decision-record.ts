import type { DecisionPayload, LogRecord, RankPayload } from '#contracts/event.ts'
import type { LogAppend } from '#contracts/event-log.ts'
import { decisionRowOf } from '../../decision/decision-rows.ts'
import type { PreparedDecision } from '../decision-input.ts'
import { goalWindowMs, unpromptedCampaigns } from '../follow-decision.ts'
import type { DrawnRank } from './draw-ranks.ts'

/** The log record of a decision at a placement: all that the worker stores. */
export function decisionRecord(
  prepared: PreparedDecision,
  ranks: DrawnRank[],
  about: { placement: string; receivedAt: number; isCounted: boolean },
): LogRecord<DecisionPayload> {
  const { input, enrolments } = prepared
  const first = ranks[0] as DrawnRank
  const payload: DecisionPayload = {
    placement: about.placement,
    ranks: ranks.map((rank) => rankPayload(rank, about.receivedAt)),
    enrolments: about.isCounted
      ? enrolments.map(({ campaignId, campaignVersion, heldOut, arm }) => ({
          campaignId,
          campaignVersion,
          heldOut,
          arm,
        }))
      : [],
    unprompted: unpromptedCampaigns(first.input, first.decision.choice).map(({ campaignId, spec }) => ({
      campaignId,
      goalId: spec.goal.id,
      windowMs: goalWindowMs(spec),
    })),
  }
  return {
    v: 1,
    workspace: input.workspace,
    eventId: input.decisionId,
    customerId: input.customerId,
    kind: 'decision',
    occurredAt: input.decidedAt,
    receivedAt: about.receivedAt,
    payload,
  }
}

export function appendOf(record: LogRecord): LogAppend {
  return { key: `${record.workspace}\u0000${record.customerId}`, body: JSON.stringify(record) }
}

function rankPayload({ input, decision }: DrawnRank, receivedAt: number): RankPayload {
  const row = decisionRowOf(input, decision, receivedAt)
  const { record } = decision
  const payload: RankPayload = {
    decisionId: input.decisionId,
    outcome: decision.choice.kind,
    triggerId: input.trigger.triggerId,
    propensity: row.propensity,
    snapshotId: row.snapshot_id,
    excluded: JSON.parse(row.excluded_json),
    record: Buffer.from(record.buffer, record.byteOffset, record.byteLength).toString('base64'),
  }
  const chosen = chosenOf({ input, decision })
  if (chosen !== null) payload.chosen = chosen
  return payload
}

function chosenOf({ input, decision: { choice } }: DrawnRank): NonNullable<RankPayload['chosen']> | null {
  if (choice.kind !== 'treatment') return null
  return chosenPayload(input, choice.candidateIndex, choice.variantIndex)
}

/** What was given, as the record has it. */
export function chosenPayload(
  input: DrawnRank['input'],
  candidateIndex: number,
  variantIndex: number,
): NonNullable<RankPayload['chosen']> {
  const { campaign, treatment, variant } = chosenIn(input, candidateIndex, variantIndex)
  return {
    campaignId: campaign.campaignId,
    campaignVersion: campaign.version,
    treatmentId: treatment.treatmentId,
    variantId: variant.variantId,
    channel: treatment.channel,
    goalId: campaign.spec.goal.id,
    windowMs: goalWindowMs(campaign.spec),
    expiresAt: input.decidedAt + campaign.spec.expiresAfterMs,
  }
}

export function chosenIn(input: DrawnRank['input'], candidateIndex: number, variantIndex: number) {
  const candidate = input.candidates[candidateIndex]
  const campaign = candidate && input.campaigns[candidate.campaignIndex]
  const treatment = candidate && campaign?.spec.treatments[candidate.treatmentIndex]
  const variant = treatment?.variants[variantIndex]
  if (!candidate || !campaign || !treatment || !variant)
    throw new Error(`decision ${input.decisionId} chose what it was not offered`)
  return { candidate, campaign, treatment, variant }
}

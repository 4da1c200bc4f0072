import {
  type Candidate,
  type Decision,
  type DecisionCampaign,
  type DecisionInput,
  nothingHead,
} from '#contracts/decision.ts'
import { dayUtcOf, messageIdOf } from '#platform/ids/ids.ts'
import { isHeldOut, isUsable } from '../decision/eligibility.ts'
import { addressFor } from './customer-facts.ts'
import type { TriggeredDecision } from './decide-for-trigger.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'

/** What a choice brings about: a queued message, or a window in which we see what happens unprompted. */
export function followDecision(
  rows: WorkspaceBatch,
  triggered: TriggeredDecision,
  input: DecisionInput,
  { choice }: Decision,
): void {
  if (choice.kind === 'nothing')
    exposeNothing(rows, triggered, input, (candidate) => isUsable(input, candidate))
  if (choice.kind === 'held-out')
    exposeNothing(rows, triggered, input, (candidate) => isHeldOut(input, candidate))
  if (choice.kind !== 'treatment') return
  const chosen = input.candidates[choice.candidateIndex]
  const campaign = chosen && input.campaigns[chosen.campaignIndex]
  const treatment = chosen && campaign?.spec.treatments[chosen.treatmentIndex]
  const variant = treatment?.variants[choice.variantIndex]
  if (!campaign || !treatment || !variant)
    throw new Error(`decision ${input.decisionId} chose what it was not offered`)
  queue(rows, triggered, input.decisionId, campaign, treatment, variant.variantId, choice.dueAt)
}

function queue(
  rows: WorkspaceBatch,
  triggered: TriggeredDecision,
  decisionId: string,
  campaign: DecisionCampaign,
  treatment: DecisionCampaign['spec']['treatments'][number],
  variantId: string,
  dueAt: number,
): void {
  const { customer, now } = triggered
  const messageId = messageIdOf(decisionId, 0)
  rows.written.messages.push({
    messageId,
    decisionId,
    decisionDayUtc: dayUtcOf(triggered.receivedAt),
    customerId: customer.customerId,
    campaignId: campaign.campaignId,
    campaignVersion: campaign.version,
    treatmentId: treatment.treatmentId,
    variantId,
    channel: treatment.channel,
    address: addressFor(treatment.channel, customer.profile) ?? '',
    transactional: false,
    costMicros: treatment.costMicros,
    dueAt,
    expiresAt: now + campaign.spec.expiresAfterMs,
    context: { event: { ...triggered.event } },
  })
  const slot = {
    messageId,
    channel: treatment.channel,
    campaignId: campaign.campaignId,
    state: 'queued' as const,
    at: dueAt,
    transactional: false,
  }
  rows.contacts.set(customer.customerId, [...(rows.contacts.get(customer.customerId) ?? []), slot])
  if (rows.spend.has(campaign.campaignId)) {
    rows.spend.set(campaign.campaignId, (rows.spend.get(campaign.campaignId) ?? 0) + treatment.costMicros)
  }
}

/**
 * What happens unprompted is learned from holdout and from draws of nothing: a window opens at the decision
 * for each campaign that would otherwise have had something to say.
 */
function exposeNothing(
  rows: WorkspaceBatch,
  triggered: TriggeredDecision,
  input: DecisionInput,
  couldSpeak: (candidate: Candidate) => boolean,
): void {
  for (const [index, campaign] of input.campaigns.entries()) {
    if (campaign.spec.policy.kind !== 'inverse-gap') continue
    if (!input.candidates.some((candidate) => candidate.campaignIndex === index && couldSpeak(candidate)))
      continue
    const { goal } = campaign.spec
    const row = {
      decision_id: input.decisionId,
      campaign_id: campaign.campaignId,
      customer_id: input.customerId,
      goal_id: goal.id,
      head: nothingHead,
      decision_day_utc: dayUtcOf(triggered.receivedAt),
      exposed_at: triggered.now,
      window_ends_at: triggered.now + goal.windowHours * 3_600_000,
      state: 'open' as const,
    }
    rows.written.exposures.push(row)
    const known = rows.exposures.get(row.customer_id) ?? []
    rows.exposures.set(row.customer_id, [...known, { workspace: rows.db.workspace, ...row }])
  }
}

import {
  type Candidate,
  type Decision,
  type DecisionCampaign,
  type DecisionInput,
  nothingHead,
} from '#contracts/decision.ts'
import { dayUtcOf, messageIdOf } from '#platform/ids/ids.ts'
import { isHeldOut, isUsable } from '../decision/eligibility.ts'
import { settlesAt } from '../learning/settling.ts'
import { addressFor } from './customer-facts.ts'
import type { TriggeredDecision } from './decision-input.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'

/** What a choice brings about: a queued message, or a window in which we see what happens unprompted. */
export function followDecision(
  rows: WorkspaceBatch,
  triggered: TriggeredDecision,
  input: DecisionInput,
  { choice }: Decision,
): void {
  for (const { campaignId, spec } of unpromptedCampaigns(input, choice)) {
    exposeNothing(rows, {
      decisionId: input.decisionId,
      decisionDayUtc: dayUtcOf(triggered.receivedAt),
      customerId: input.customerId,
      at: triggered.now,
      campaignId,
      goalId: spec.goal.id,
      windowMs: goalWindowMs(spec),
    })
  }
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
  const { pushAddresses, context } = rows
  const addressed = { ...customer, pushAddresses, country: context.settings.country }
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
    address: addressFor(treatment.channel, addressed) ?? '',
    transactional: false,
    costMicros: treatment.costMicros,
    dueAt,
    expiresAt: now + campaign.spec.expiresAfterMs,
    ...(triggered.touch === undefined ? {} : { journeyId: triggered.touch.journeyId }),
    relevantSince: relevantSince(triggered, campaign),
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

/** From when on meeting the goal makes the message idle; what triggered it may itself be such an event. */
function relevantSince({ since, now, event }: TriggeredDecision, { spec }: DecisionCampaign): number {
  if (since === undefined) return now
  return event.name === spec.goal.event ? since + 1 : Math.min(since, now)
}

/**
 * What happens unprompted is learned from holdout and from draws of nothing: the campaigns that would otherwise
 * have had something to say.
 */
export function unpromptedCampaigns(input: DecisionInput, { kind }: Decision['choice']): DecisionCampaign[] {
  if (kind !== 'nothing' && kind !== 'held-out') return []
  const couldSpeak = (candidate: Candidate) =>
    kind === 'nothing' ? isUsable(input, candidate) : isHeldOut(input, candidate)
  return input.campaigns.filter(
    ({ spec }, index) =>
      spec.policy.kind === 'inverse-gap' &&
      input.candidates.some((candidate) => candidate.campaignIndex === index && couldSpeak(candidate)),
  )
}

export function goalWindowMs({ goal }: Pick<DecisionCampaign['spec'], 'goal'>): number {
  return goal.windowHours * 3_600_000
}

/** Opens the window in which we see what happens unprompted. */
export function exposeNothing(
  rows: WorkspaceBatch,
  unprompted: {
    decisionId: string
    decisionDayUtc: number
    customerId: string
    at: number
    campaignId: string
    goalId: string
    windowMs: number
  },
): void {
  openWindow(rows, { ...unprompted, head: nothingHead })
}

/** From now on a conversion is credited to this head's decision. */
export function openWindow(
  rows: WorkspaceBatch,
  seen: Parameters<typeof exposeNothing>[1] & { head: string },
): void {
  const row = {
    decision_id: seen.decisionId,
    campaign_id: seen.campaignId,
    customer_id: seen.customerId,
    goal_id: seen.goalId,
    head: seen.head,
    decision_day_utc: seen.decisionDayUtc,
    exposed_at: seen.at,
    window_ends_at: seen.at + seen.windowMs,
    settles_at: settlesAt(seen.at, seen.windowMs),
    state: 'open' as const,
  }
  rows.written.exposures.push(row)
  const known = rows.exposures.get(row.customer_id) ?? []
  rows.exposures.set(row.customer_id, [...known, { workspace: rows.db.workspace, ...row }])
}

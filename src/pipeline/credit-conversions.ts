import type { Goal } from '#contracts/campaign.ts'
import { nothingHead } from '#contracts/decision.ts'
import type { CustomerEvent } from '#contracts/event.ts'
import { microsOf } from '#contracts/money.ts'
import type { Profile } from '#contracts/profile.ts'
import { dayUtcOf, stableId } from '#platform/ids/ids.ts'
import type { ReportingCurrency } from '#platform/money/reporting-currency.ts'
import type { RowOf, WorkspaceRowOf } from '#platform/store/store.ts'
import type { AssignmentRow } from '../campaign/assignment-rows.ts'
import { attribute } from '../learning/attribution.ts'
import { eventName } from './process-batch.ts'
import { assignmentKey, type WorkspaceBatch } from './workspace-batch.ts'

/**
 * A conversion counts twice, for two readers. For the report: in every campaign whose goal it meets, in
 * whichever arm the customer is, within the goal's window from the assignment on. For the learner: once
 * per goal, to the last exposure of the customer that has the goal and an open window.
 */
export function creditConversions(rows: WorkspaceBatch, event: CustomerEvent): void {
  const name = eventName(event)
  const campaigns = rows.context.byGoalEvent.get(name)
  if (campaigns === undefined) return
  const profile = rows.customers.get(event.customerId)?.profile
  if (profile === undefined) return
  const properties = event.payload.properties ?? {}
  const goalsMet = new Map<string, Goal>()
  for (const { version, goals } of campaigns) {
    for (const { goal, where } of goals) {
      if (goal.event !== name) continue
      if (!where({ profile, now: event.occurredAt, event: { name, properties } })) continue
      goalsMet.set(goal.id, goal)
      recordConversion(rows, version.campaignId, goal, event, profile)
    }
  }
  for (const goal of goalsMet.values())
    creditLearner(rows, rows.exposures.get(event.customerId) ?? [], goal.id, event.occurredAt)
}

function recordConversion(
  rows: WorkspaceBatch,
  campaignId: string,
  goal: Goal,
  event: CustomerEvent,
  profile: Profile,
): void {
  const counted = countedFor(rows, goal, event.customerId, profile)
    .flatMap((customerId) => rows.assignments.get(assignmentKey(campaignId, customerId)) ?? [])
    .filter(({ enteredAt }) => {
      const age = event.occurredAt - enteredAt
      return age >= 0 && age <= goal.windowHours * 3_600_000
    })
  const assignment = counted.reduce<AssignmentRow | undefined>(earlier, undefined)
  if (assignment === undefined) return
  rows.written.outcomes.push({
    day_utc: dayUtcOf(event.receivedAt),
    outcome_id: stableId(event.eventId, campaignId, goal.id),
    customer_id: assignment.customerId,
    kind: 'conversion',
    campaign_id: campaignId,
    goal_id: goal.id,
    event_id: event.eventId,
    message_id: '',
    value_micros: conversionValueMicros(goal, event, rows.context.currency),
    occurred_at: event.occurredAt,
  })
}

/** Who may be in the campaign for what this customer did. */
function countedFor(rows: WorkspaceBatch, goal: Goal, customerId: string, { accounts }: Profile): string[] {
  if (goal.per !== 'account' || accounts === undefined) return [customerId]
  const members = Object.keys(accounts).flatMap((id) => rows.accountMembers?.get(id) ?? [])
  return [...new Set([customerId, ...members])]
}

function earlier(a: AssignmentRow | undefined, b: AssignmentRow): AssignmentRow {
  if (a === undefined || b.enteredAt < a.enteredAt) return b
  return b.enteredAt === a.enteredAt && b.customerId < a.customerId ? b : a
}

/** Credits what happened to the last of the exposures that it may have come from. */
export function creditLearner(
  rows: WorkspaceBatch,
  exposures: RowOf<'exposures'>[],
  goalId: string,
  occurredAt: number,
): void {
  const credit = attribute(exposures, { goalId, occurredAt })
  if (credit === null) return
  for (const exposure of sameDecision(exposures, credit.exposure)) {
    exposure.state = credit.state
    rows.written.exposureStates.push(exposure)
    if (credit.state === 'corrected') rows.written.rewards.push(correctionOf(exposure, occurredAt))
  }
}

function correctionOf(exposure: RowOf<'exposures'>, occurredAt: number): WorkspaceRowOf<'rewards'> {
  const { decision_id, campaign_id, decision_day_utc, head } = exposure
  return {
    decision_id,
    campaign_id,
    decision_day_utc,
    head,
    kind: 'correction',
    y: 1,
    created_at: occurredAt,
  }
}

/**
 * One "nothing" may stand for several campaigns that had something to say: what happened unprompted then
 * happened to each of them, and each campaign's head of nothing learns it.
 */
function sameDecision(exposures: RowOf<'exposures'>[], credited: RowOf<'exposures'>): RowOf<'exposures'>[] {
  if (credited.head !== nothingHead) return [credited]
  const { decision_id, goal_id, state } = credited
  return exposures.filter(
    (own) =>
      own.decision_id === decision_id &&
      own.goal_id === goal_id &&
      own.head === nothingHead &&
      own.state === state,
  )
}

function conversionValueMicros(goal: Goal, event: CustomerEvent, currency: ReportingCurrency): number {
  const { value } = goal
  if (value === undefined) return 0
  if ('amount' in value) return microsOf(value.amount)
  const properties = event.payload.properties ?? {}
  const named = value.currency ?? properties.currency
  return currency.micros(properties[value.property], named, event.occurredAt) ?? 0
}

import type { DecisionTrigger } from '#contracts/decision.ts'
import type { CustomerEvent } from '#contracts/event.ts'
import type { Customer } from '#contracts/profile.ts'
import { applyEvent } from '../profile/apply-event.ts'
import { newProfile, nextAppliedOrder } from '../profile/profile.ts'
import { nextSegmentChangeAt, updateSegments } from '../profile/segments.ts'
import { creditConversions } from './credit-conversions.ts'
import { decideForTrigger } from './decide-for-trigger.ts'
import { type BatchParts, eventName } from './process-batch.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'
import type { RunningCampaign } from './workspace-context.ts'

/** One product event, in the order of stages: profile, conversions, segments, triggers. Returns decisions made. */
export function applyProductEvent(
  parts: BatchParts,
  rows: WorkspaceBatch,
  event: CustomerEvent,
  now: number,
): number {
  const { context } = rows
  const customer = customerOf(rows, event)
  applyEvent(customer, event, context.currency)
  rows.changed.add(customer.customerId)
  const appliedOrder = nextAppliedOrder(customer.profile)
  rows.written.events.push({ ...event, appliedAt: now, appliedOrder })
  creditConversions(rows, event)

  const entered = lookAtSegments(rows, customer, now)
  if (event.payload.imported === true || now - event.occurredAt > parts.triggerMaxAgeMs) return 0

  let decisions = 0
  const named = { name: eventName(event), properties: event.payload.properties ?? event.payload.traits ?? {} }
  const triggered = (context.byTriggerEvent.get(named.name) ?? []).filter((campaign) =>
    campaign.where({ profile: customer.profile, now, event: named }),
  )
  const decide = (campaigns: RunningCampaign[], trigger: DecisionTrigger): void => {
    if (campaigns.length === 0) return
    decideForTrigger(parts.decision, rows, {
      customer,
      campaigns,
      trigger,
      now,
      receivedAt: event.receivedAt,
      event: named,
    })
    decisions += 1
  }
  decide(triggered, { kind: 'event', triggerId: event.eventId, step: 0 })
  for (const segmentId of entered) {
    decide(context.bySegmentEntered.get(segmentId) ?? [], {
      kind: 'segment',
      triggerId: `${segmentId}:${event.eventId}`,
      step: 0,
    })
  }
  return decisions
}

/**
 * Brings the customer's segments up to date and sets the timer for the next moment at which time alone
 * may change them. Returns the segments entered.
 */
export function lookAtSegments(rows: WorkspaceBatch, customer: Customer, now: number): string[] {
  const { segments } = rows.context
  const { entered } = updateSegments(customer.profile, segments, now)
  const dueAt = nextSegmentChangeAt(customer.profile, segments, now)
  if (dueAt !== null) rows.written.timers.push({ customerId: customer.customerId, kind: 'segments', dueAt })
  return entered
}

function customerOf(rows: WorkspaceBatch, event: CustomerEvent): Customer {
  const known = rows.customers.get(event.customerId)
  if (known !== undefined) return known
  const customer: Customer = {
    workspace: event.workspace,
    customerId: event.customerId,
    version: 0,
    mergedInto: null,
    profile: newProfile(event.occurredAt),
  }
  rows.customers.set(event.customerId, customer)
  return customer
}

import type { DecisionTrigger } from '#contracts/decision.ts'
import type { CustomerEvent } from '#contracts/event.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Customer } from '#contracts/profile.ts'
import { accountIdOf, applyGroupEvent, newAccount } from '../profile/accounts.ts'
import { applyEvent } from '../profile/apply-event.ts'
import { deviceTokenOf } from '../profile/device-token.ts'
import { endpointIdOf, seenEndpoint } from '../profile/endpoint-rows.ts'
import { newProfile, nextAppliedOrder } from '../profile/profile.ts'
import { nextSegmentChangeAt, updateSegments } from '../profile/segments.ts'
import { noteAbsences } from './absences.ts'
import { hearEvent } from './cadence/hear.ts'
import { creditConversions } from './credit-conversions.ts'
import { type BatchParts, eventName } from './process-batch.ts'
import { scheduleTimer } from './schedule-timers.ts'
import { triggerCampaigns } from './trigger-campaigns.ts'
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
  const isNew = customer.version === 0 && !rows.changed.has(customer.customerId)
  applyEvent(customer, event, context.currency)
  noteGroup(rows, event, customer, now)
  rows.changed.add(customer.customerId)
  const appliedOrder = nextAppliedOrder(customer.profile)
  rows.written.events.push({ ...event, appliedAt: now, appliedOrder })
  noteDevice(rows, event)
  creditConversions(rows, event)

  const named = { name: eventName(event), properties: event.payload.properties ?? event.payload.traits ?? {} }
  noteRedemption(rows, event, named)
  hearEvent(rows, customer.customerId, { ...named, occurredAt: event.occurredAt }, customer.profile, now)

  const entered = lookAtSegments(rows, customer, now)
  if (isNew) waitForSchedules(rows, customer, now)
  const mayTrigger = event.payload.imported !== true && now - event.occurredAt <= parts.triggerMaxAgeMs
  noteAbsences(rows, customer, event, named, mayTrigger)
  if (!mayTrigger) return 0

  const triggered = (context.byTriggerEvent.get(named.name) ?? []).filter((campaign) =>
    campaign.where({ profile: customer.profile, now, event: named }),
  )
  const trigger = (campaigns: RunningCampaign[], by: DecisionTrigger): number =>
    triggerCampaigns(parts.decision, rows, {
      customer,
      campaigns,
      trigger: by,
      now,
      receivedAt: event.receivedAt,
      event: named,
      since: event.occurredAt,
    })
  let decisions = trigger(triggered, { kind: 'event', triggerId: event.eventId, step: 0 })
  for (const segmentId of entered) {
    decisions += trigger(context.bySegmentEntered.get(segmentId) ?? [], {
      kind: 'segment',
      triggerId: `${segmentId}:${event.eventId}`,
      step: 0,
    })
  }
  return decisions
}

/** A group call: the customer belongs to the account from here on, and tells what it is like. */
function noteGroup(rows: WorkspaceBatch, event: CustomerEvent, customer: Customer, now: number): void {
  const accountId = accountIdOf(event)
  if (accountId === null) return
  const { accounts, written } = rows
  const account = accounts.get(accountId) ?? newAccount(accountId, now)
  accounts.set(accountId, account)
  const { joined, changed } = applyGroupEvent(account, customer, event)
  // Written for whoever joins as well: another batch that changes it meanwhile would not know of them.
  if (joined || event.payload.traits !== undefined) written.accounts.add(account)
  if (changed) written.changedAccounts.add(account)
  if (!joined) return
  const { customerId } = customer
  written.members.push({ account_id: accountId, customer_id: customerId, since: event.occurredAt })
}

/** A shop tells that a code was used. */
function noteRedemption(
  rows: WorkspaceBatch,
  event: CustomerEvent,
  named: { name: string; properties: JsonObject },
): void {
  const { code } = named.properties
  if (event.kind !== 'track' || named.name !== 'Coupon Redeemed' || typeof code !== 'string') return
  rows.written.redemptions.push({ code, customerId: event.customerId, at: event.occurredAt })
}

/** Somebody new: older customers got their timers when the campaign was launched. */
function waitForSchedules(rows: WorkspaceBatch, { customerId }: Customer, now: number): void {
  for (const campaign of rows.context.scheduled)
    rows.written.timers.push(scheduleTimer(rows, customerId, campaign, now))
}

/** The device that the event came from is the customer's: from here on, and in this batch already. */
function noteDevice(rows: WorkspaceBatch, event: CustomerEvent): void {
  const endpoint = deviceTokenOf(event)
  if (endpoint === null) return
  const { customerId, occurredAt } = event
  const id = endpointIdOf(endpoint)
  const before = rows.endpoints.get(id)
  const row = seenEndpoint(before, { customerId, endpoint, at: occurredAt })
  if (row === null) return
  rows.endpoints.set(id, { ...row, workspace: event.workspace })
  rows.written.endpoints.push(row)
  if (before !== undefined && rows.pushAddresses.get(before.customer_id) === row.address) {
    rows.pushAddresses.delete(before.customer_id)
  }
  rows.pushAddresses.set(customerId, row.address)
}

/**
 * Brings the customer's segments up to date and sets the timer for the next moment at which time alone
 * may change them. Returns the segments entered.
 */
export function lookAtSegments(rows: WorkspaceBatch, customer: Customer, now: number): string[] {
  const { segments } = rows.context
  const { entered } = updateSegments(customer.profile, segments, now)
  const dueAt = nextSegmentChangeAt(customer.profile, segments, now)
  if (dueAt !== null) {
    const key = { customerId: customer.customerId, kind: 'segments' as const, subject: '' }
    rows.written.timers.push({ ...key, dueAt })
  }
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

import type { CustomerEvent } from '#contracts/event.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Customer } from '#contracts/profile.ts'
import { type TimerPayload, timerId } from './timer-rows.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'
import type { RunningCampaign } from './workspace-context.ts'

const hourMs = 3_600_000

/**
 * An event as absences see it: one that was to come ends those that it is in time for; one after which they run
 * starts them, or starts them again. `mayTrigger` is false for imported and old events: those start none.
 */
export function noteAbsences(
  rows: WorkspaceBatch,
  customer: Customer,
  event: CustomerEvent,
  named: { name: string; properties: JsonObject },
  mayTrigger: boolean,
): void {
  const moment = { profile: customer.profile, now: event.occurredAt, event: named }
  for (const campaign of rows.context.byAbsenceAwaited.get(named.name) ?? []) {
    const running = startedBy(rows, customer.customerId, campaign)
    if (running === null || !campaign.absence!.awaited(moment)) continue
    if (event.occurredAt < running.at || event.occurredAt > running.at + withinMs(campaign)) continue
    set(rows, customer.customerId, campaign, null)
  }
  if (!mayTrigger) return
  for (const campaign of rows.context.byAbsenceAfter.get(named.name) ?? []) {
    if (!campaign.absence!.after(moment)) continue
    const running = startedBy(rows, customer.customerId, campaign)
    // A late event does not start it again from earlier.
    if (running !== null && running.at > event.occurredAt) continue
    if (hasComeSince(customer, campaign, event.occurredAt)) continue
    set(rows, customer.customerId, campaign, {
      eventId: event.eventId,
      at: event.occurredAt,
      event: named,
    })
  }
}

type Started = Extract<TimerPayload, { eventId: string }>

function set(
  rows: WorkspaceBatch,
  customerId: string,
  campaign: RunningCampaign,
  payload: Started | null,
): void {
  const key = { customerId, kind: 'absence' as const, subject: campaign.version.campaignId }
  if (payload === null) {
    rows.absences.delete(timerId(key))
    rows.written.timers.push({ ...key, dueAt: null })
  } else {
    rows.absences.set(timerId(key), payload)
    rows.written.timers.push({ ...key, dueAt: payload.at + withinMs(campaign), payload })
  }
}

function startedBy(rows: WorkspaceBatch, customerId: string, { version }: RunningCampaign): Started | null {
  const id = timerId({ customerId, kind: 'absence', subject: version.campaignId })
  const payload = rows.absences.get(id)
  return payload !== undefined && 'eventId' in payload ? (payload as Started) : null
}

/** The event that was to come arrived before the one after which it was to. */
function hasComeSince({ profile }: Customer, { version }: RunningCampaign, since: number): boolean {
  const { trigger } = version.spec
  // Of an event with a condition the profile does not say which of them it was.
  if (!('absence' in trigger) || trigger.absence.where !== undefined) return false
  const name = trigger.absence.event
  const counts = Object.hasOwn(profile.counts, name) ? profile.counts[name] : undefined
  return counts !== undefined && counts.lastAt >= since
}

function withinMs({ version }: RunningCampaign): number {
  const { trigger } = version.spec
  return 'absence' in trigger ? Math.round(trigger.absence.withinHours * hourMs) : 0
}

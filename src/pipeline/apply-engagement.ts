import type { CustomerEvent, EngagementPayload, LogRecord } from '#contracts/event.ts'
import type { Customer } from '#contracts/profile.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import { applyEngagement } from '../profile/apply-event.ts'
import { clicked } from '../profile/event-counts.ts'
import { nextAppliedOrder } from '../profile/profile.ts'
import { hearEngagement, hearEvent } from './cadence/hear.ts'
import { creditConversions } from './credit-conversions.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'

/**
 * A click or an open: an outcome row, and a count in the profile unless a program did it. It is no exposure.
 * A reader's click converts where a goal asks for it, by the name under which the profile counts it.
 */
export function applyEngagementRecord(
  rows: WorkspaceBatch,
  record: LogRecord<EngagementPayload>,
  now: number,
): void {
  const kind = record.kind as 'click' | 'open'
  const customer = rows.customers.get(record.customerId) as Customer | undefined
  const suspected = record.payload.suspectedScanner === true
  const counts = customer !== undefined && !suspected
  const appliedOrder = counts ? nextAppliedOrder(customer.profile) : 0
  rows.written.engagements.push({ ...record, appliedAt: now, appliedOrder })
  rows.written.outcomes.push({
    day_utc: dayUtcOf(record.receivedAt),
    outcome_id: record.eventId,
    customer_id: record.customerId,
    kind: suspected ? `${record.payload.machine === 'mail-privacy' ? 'private' : 'suspected'}-${kind}` : kind,
    campaign_id: '',
    goal_id: '',
    event_id: record.eventId,
    message_id: record.payload.messageId,
    value_micros: 0,
    occurred_at: record.occurredAt,
  })
  if (!counts) return
  applyEngagement(customer, kind, record.occurredAt)
  rows.changed.add(customer.customerId)
  hearEngagement(rows, record, now)
  if (kind !== 'click') return
  const event = asEvent(record)
  creditConversions(rows, event)
  const heard = { name: clicked, properties: event.payload.properties ?? {}, occurredAt: event.occurredAt }
  hearEvent(rows, customer.customerId, heard, customer.profile, now)
}

/** As goals and conditions see a click: a track of that name. */
function asEvent({ payload, ...record }: LogRecord<EngagementPayload>): CustomerEvent {
  const { messageId, url = '' } = payload
  return { ...record, kind: 'track', payload: { name: clicked, properties: { messageId, url } } }
}

import type { EventKind } from '#contracts/event.ts'
import { takeTicks } from '#platform/clock/ticks.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { together } from '#platform/store/together.ts'
import type { AppliedEvent } from './profile-as-of.ts'
import type { StoredEvent } from './recount.ts'

/** How an event was taken into a profile: when (injected clock), and as what number of it; 0: not at all. */
export interface EventApplication {
  appliedAt: number
  appliedOrder: number
}

/** Those of the ids that were taken in before. */
export async function seenEventIds(db: WorkspaceDb, eventIds: string[]): Promise<Set<string>> {
  if (eventIds.length === 0) return new Set()
  const rows = await db.recurring(seen, { eventIds })
  return new Set(rows.map((row) => row.event_id))
}

const seen: RecurringQuery<{ eventIds: readonly string[] }, { event_id: string }> = {
  like: { eventIds: 'keys' },
  build: (db, { eventIds }) =>
    db.selectByKeys('event_dedupe', 'event_id', eventIds).select('event_dedupe.event_id'),
}

/**
 * Keeps events and marks them seen. An id that is there already fails the transaction: somebody else took
 * the event in since it was looked up, and the batch must look again.
 */
export async function insertEvents(
  db: WorkspaceDb,
  events: (StoredEvent & Partial<EventApplication>)[],
): Promise<void> {
  const seen = events.map(({ eventId, receivedAt }) => ({ event_id: eventId, received_at: receivedAt }))
  const tick = takeTicks(events.length)
  const rows = events.map((event, index) => ({ ...rowOf(event), applied_tick: tick + index }))
  await together(db.bulkInsert('event_dedupe', seen, 'fail'), db.bulkInsert('events', rows, 'fail'))
}

/** Marks what is kept elsewhere than among the events. */
export async function markSeen(
  db: WorkspaceDb,
  records: readonly { eventId: string; receivedAt: number }[],
): Promise<void> {
  const seen = records.map(({ eventId, receivedAt }) => ({ event_id: eventId, received_at: receivedAt }))
  await db.bulkInsert('event_dedupe', seen, 'fail')
}

/**
 * Deletes up to `limit` events that were received before a day, oldest day first. Resolves to how many: call
 * it again while there are any.
 */
export async function deleteEventsBefore(db: WorkspaceDb, dayUtc: number, limit: number): Promise<number> {
  const old = await db
    .selectFrom('events')
    .select(['events.day_utc', 'events.event_id'])
    .where('events.day_utc', '<', dayUtc)
    .orderBy('events.day_utc')
    .orderBy('events.event_id')
    .limit(limit)
    .execute()
  for (const [day, rows] of Map.groupBy(old, (row) => row.day_utc)) {
    const ids = rows.map((row) => row.event_id)
    await db
      .deleteFrom('events')
      .where('events.day_utc', '=', day)
      .where('events.event_id', 'in', ids)
      .execute()
  }
  return old.length
}

/** Forgets up to `limit` ids that were seen before an instant: nobody sends those again. */
export async function forgetSeenBefore(db: WorkspaceDb, receivedAt: number, limit: number): Promise<number> {
  const old = await db
    .selectFrom('event_dedupe')
    .select('event_dedupe.event_id')
    .where('event_dedupe.received_at', '<', receivedAt)
    .orderBy('event_dedupe.received_at')
    .limit(limit)
    .execute()
  const ids = old.map((row) => row.event_id)
  if (ids.length > 0) await db.deleteFrom('event_dedupe').where('event_dedupe.event_id', 'in', ids).execute()
  return ids.length
}

/** A customer's events as kept, in order of occurrence. */
export async function loadCustomerEvents(db: WorkspaceDb, customerId: string): Promise<StoredEvent[]> {
  const rows = await db
    .selectFrom('events')
    .selectAll('events')
    .where('events.customer_id', '=', customerId)
    .orderBy('events.occurred_at')
    .orderBy('events.event_id')
    .execute()
  return rows.map(eventOf)
}

/** Events of these customers, all or of one kind, with how they were applied, in no order. */
export async function loadAppliedEvents(
  db: WorkspaceDb,
  customerIds: readonly string[],
  kind?: EventKind,
): Promise<AppliedEvent[]> {
  if (customerIds.length === 0) return []
  const all = db.selectByKeys('events', 'customer_id', customerIds).selectAll('events')
  const rows = await (kind === undefined ? all : all.where('events.kind', '=', kind)).execute()
  return rows.map((row) => ({
    event: eventOf(row),
    appliedTo: row.applied_to ?? row.customer_id,
    appliedAt: row.applied_at,
    appliedOrder: row.applied_order,
  }))
}

function rowOf(
  event: StoredEvent & Partial<EventApplication>,
): Omit<RowOf<'events'>, 'workspace' | 'applied_tick'> {
  const { eventId, customerId, kind, occurredAt, receivedAt, payload } = event
  return {
    day_utc: dayUtcOf(receivedAt),
    event_id: eventId,
    customer_id: customerId,
    kind,
    name: 'name' in payload ? (payload.name ?? '') : '',
    occurred_at: occurredAt,
    received_at: receivedAt,
    payload_json: JSON.stringify(payload),
    applied_at: event.appliedAt ?? null,
    applied_order: event.appliedOrder ?? null,
    applied_to: null,
  }
}

function eventOf(row: RowOf<'events'>): StoredEvent {
  return {
    v: 1,
    workspace: row.workspace,
    eventId: row.event_id,
    customerId: row.customer_id,
    kind: row.kind as EventKind,
    occurredAt: row.occurred_at,
    receivedAt: row.received_at,
    payload: JSON.parse(row.payload_json),
  }
}

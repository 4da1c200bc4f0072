import type { EventKind } from '#contracts/event.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import type { StoredEvent } from './recount.ts'

/** Those of the ids that were taken in before. */
export async function seenEventIds(db: WorkspaceDb, eventIds: string[]): Promise<Set<string>> {
  if (eventIds.length === 0) return new Set()
  const rows = await db
    .selectByKeys('event_dedupe', 'event_id', eventIds)
    .select('event_dedupe.event_id')
    .execute()
  return new Set(rows.map((row) => row.event_id))
}

/**
 * Keeps events and marks them seen. An id that is there already fails the transaction: somebody else took
 * the event in since it was looked up, and the batch must look again.
 */
export async function insertEvents(db: WorkspaceDb, events: StoredEvent[]): Promise<void> {
  const seen = events.map(({ eventId, receivedAt }) => ({ event_id: eventId, received_at: receivedAt }))
  await db.bulkInsert('event_dedupe', seen, 'fail')
  await db.bulkInsert('events', events.map(rowOf), 'fail')
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

function rowOf(event: StoredEvent): Omit<RowOf<'events'>, 'workspace'> {
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

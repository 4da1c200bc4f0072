import { type DeliveryKind, deliveryKinds } from '#contracts/delivery.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { type Happened, messageEventsOf } from './webhooks/message-event.ts'
import { noteEvents } from './webhooks/note-events.ts'

export type MessageEvent = WorkspaceRowOf<'message_events'>

/** Keeps what was told; the same event once more changes nothing. */
export async function insertMessageEvents(db: WorkspaceDb, events: readonly MessageEvent[]): Promise<void> {
  if (events.length === 0) return
  await db.bulkInsert('message_events', [...events], 'ignore')
  // That it was sent was told when it was.
  const others = events.filter(({ kind }) => kind !== ('sent' satisfies DeliveryKind))
  await noteEvents(db, messageEventsOf(others.map(happenedOf)))
}

function happenedOf({
  message_id: messageId,
  event_id: key,
  kind,
  occurred_at: at,
  reason,
}: MessageEvent): Happened {
  return { kind, messageId, key, at, ...(reason === '' ? {} : { reason }) }
}

/** Of these messages, in the order in which it happened. */
export async function loadMessageEvents(
  db: WorkspaceDb,
  messageIds: readonly string[],
): Promise<Map<string, RowOf<'message_events'>[]>> {
  if (messageIds.length === 0) return new Map()
  const rows = await db
    .selectByKeys('message_events', 'message_id', messageIds)
    .selectAll('message_events')
    .execute()
  rows.sort((a, b) => a.occurred_at - b.occurred_at || (a.event_id < b.event_id ? -1 : 1))
  return Map.groupBy(rows, (row) => row.message_id)
}

export type DeliveryState = 'sent' | 'delivered' | 'bounced' | 'failed' | 'complained' | ''

const states: Partial<Record<string, { state: DeliveryState; rank: number }>> = {
  sent: { state: 'sent', rank: 1 },
  'soft-bounce': { state: 'bounced', rank: 2 },
  failed: { state: 'failed', rank: 2 },
  delivered: { state: 'delivered', rank: 3 },
  'hard-bounce': { state: 'bounced', rank: 4 },
  complaint: { state: 'complained', rank: 5 },
}

/**
 * Where a message stands by all that was told of it, whatever came first: callbacks arrive in any order, and
 * a bounce that overtakes its "delivered" is still a bounce. Mail servers report a mail as delivered that
 * bounces behind them; nothing takes a complaint back.
 */
export function deliveryState(events: readonly { kind: string }[]): DeliveryState {
  let best = { state: '' as DeliveryState, rank: 0 }
  for (const { kind } of events) {
    const own = states[kind]
    if (own !== undefined && own.rank > best.rank) best = own
  }
  return best.state
}

const looksBackMax = 100

/** How many messages to an address came back softly since the last that arrived, and over what time. */
export async function softBouncesInARow(
  db: WorkspaceDb,
  { channel, address }: { channel: string; address: string },
): Promise<{ messages: number; spanMs: number }> {
  const rows = await db
    .selectFrom('message_events')
    .where('message_events.address', '=', address)
    .select(['message_events.kind', 'message_events.channel'])
    .select(['message_events.message_id', 'message_events.occurred_at'])
    .orderBy('message_events.occurred_at', 'desc')
    .limit(looksBackMax)
    .execute()
  const bounced = new Set<string>()
  let newest = 0
  let oldest = 0
  for (const row of rows) {
    if (row.channel !== channel) continue
    if (row.kind === ('delivered' satisfies DeliveryKind)) break
    if (row.kind !== ('soft-bounce' satisfies DeliveryKind)) continue
    if (bounced.size === 0) newest = row.occurred_at
    oldest = row.occurred_at
    bounced.add(row.message_id)
  }
  return { messages: bounced.size, spanMs: newest - oldest }
}

/** Deletes up to `limit` that are older than an instant. Resolves to how many. */
export async function deleteMessageEventsBefore(
  db: WorkspaceDb,
  occurredAt: number,
  limit: number,
): Promise<number> {
  const old = await db
    .selectFrom('message_events')
    .select(['message_events.message_id', 'message_events.event_id'])
    .where('message_events.kind', 'in', [...deliveryKinds])
    .where('message_events.occurred_at', '<', occurredAt)
    .limit(limit)
    .execute()
  for (const [messageId, rows] of Map.groupBy(old, (row) => row.message_id)) {
    await db
      .deleteFrom('message_events')
      .where('message_events.message_id', '=', messageId)
      .where(
        'message_events.event_id',
        'in',
        rows.map((row) => row.event_id),
      )
      .execute()
  }
  return old.length
}

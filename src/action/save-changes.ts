import type { InstantMs } from '#contracts/clock.ts'
import type { MessageState } from '#contracts/message.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { together } from '#platform/store/together.ts'
import { moveSpend } from './campaign-spend.ts'
import { settleCodes } from './coupons/settle-codes.ts'
import { messageEventsOf } from './webhooks/message-event.ts'
import { noteEvents } from './webhooks/note-events.ts'

type MessageRow = RowOf<'messages'>

/** A message as it is to be, and the state in which this transaction read and locked it. */
export interface MessageChange {
  from: MessageState | null
  row: MessageRow
}

/**
 * Columns that a change of state may change; the rest of a message never changes after it was queued. The address
 * is that of the claim: a device may have gone since the decision.
 */
const stateColumns = [
  'address',
  'state',
  'reason',
  'due_at',
  'sending_at',
  'state_at',
  'attempts',
  'coupon_code',
  'locale',
  'lease_owner',
  'lease_until',
] as const satisfies (keyof MessageRow)[]

/**
 * Writes changed messages with a transition each and moves their cost. `repeated` are those put off once more
 * for the same reason: a campaign paused for a month would fill the history.
 */
export async function saveChanges(
  db: WorkspaceDb,
  changes: MessageChange[],
  now: InstantMs,
  repeated: ReadonlySet<MessageRow> = new Set(),
): Promise<void> {
  if (changes.length === 0) return
  const rows = changes.map(({ row }) => row)
  await settleCodes(db, rows, now)
  const told = repeated.size === 0 ? rows : rows.filter((row) => !repeated.has(row))
  await together(
    db.bulkInsert('messages', rows, {
      key: ['workspace', 'message_id'],
      update: [...stateColumns],
    }),
    tellTransitions(db, told, now),
  )
  await tellWebhooks(db, rows, now)
  await moveSpend(
    db,
    changes.map(({ from, row }) => ({
      campaignId: row.campaign_id,
      costMicros: row.cost_micros,
      from,
      to: row.state,
    })),
  )
}

/** Other systems that asked to be told. */
async function tellWebhooks(db: WorkspaceDb, rows: MessageRow[], now: InstantMs): Promise<void> {
  await noteEvents(
    db,
    messageEventsOf(
      rows.map((row) => ({
        kind: row.state,
        messageId: row.message_id,
        key: String(row.attempts),
        at: now,
        ...(row.reason === '' ? {} : { reason: row.reason }),
      })),
    ),
  )
}

async function tellTransitions(db: WorkspaceDb, rows: MessageRow[], now: InstantMs): Promise<void> {
  if (rows.length === 0) return
  const messageIds = rows.map((row) => row.message_id)
  const found = await db.recurring(lastSequences, { messageIds })
  const last = new Map(found.map((row) => [row.message_id, Number(row.last)]))
  const transitions = rows.map((row) => ({
    message_id: row.message_id,
    sequence: (last.get(row.message_id) ?? 0) + 1,
    state: row.state,
    reason: row.reason,
    at: now,
  }))
  await db.bulkInsert('message_transitions', transitions, 'fail')
}

const lastSequences: RecurringQuery<
  { messageIds: readonly string[] },
  { message_id: string; last: number | string }
> = {
  like: { messageIds: 'keys' },
  build: (db, { messageIds }) =>
    db
      .selectByKeys('message_transitions', 'message_id', messageIds)
      .select((eb) => [
        'message_transitions.message_id',
        eb.fn.max<number>('message_transitions.sequence').as('last'),
      ])
      .groupBy('message_transitions.message_id'),
}

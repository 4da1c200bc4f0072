import { sql } from 'kysely'
import type { InstantMs } from '#contracts/clock.ts'
import type { MessageState, OutgoingMessage } from '#contracts/message.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

/** A message in the outbox with its state in the ledger. */
export type OutboxEntry = Omit<RowOf<'outbox'>, 'html' | 'text' | 'headers_json' | 'url' | 'data_json'> & {
  /** The text's beginning: what a message without a subject is known by. */
  opening: string
  state: MessageState
  reason: string
}
export type OutboxMessage = RowOf<'outbox'> & { state: MessageState; reason: string }

/** Writes messages; the same message once more leaves the first. */
export async function insertOutbox(
  db: WorkspaceDb,
  messages: OutgoingMessage[],
  now: InstantMs,
): Promise<void> {
  const rows = messages.map((message) => ({
    message_id: message.messageId,
    customer_id: message.customerId,
    channel: message.channel,
    address: message.address,
    sender: message.from,
    subject: message.subject,
    html: message.html,
    text: message.text,
    headers_json: JSON.stringify(message.headers),
    url: message.url,
    data_json: JSON.stringify(message.data),
    created_at: now,
  }))
  await db.bulkInsert('outbox', rows, 'ignore')
}

export interface OutboxPosition {
  createdAt: InstantMs
  messageId: string
}

/** Newest first, from behind `before`. */
export async function listOutbox(
  db: WorkspaceDb,
  { before, limit }: { before?: OutboxPosition; limit: number },
): Promise<OutboxEntry[]> {
  let query = withState(db)
    .select([
      'outbox.workspace',
      'outbox.message_id',
      'outbox.customer_id',
      'outbox.channel',
      'outbox.address',
    ])
    .select(['outbox.sender', 'outbox.subject', 'outbox.created_at', 'messages.state', 'messages.reason'])
    .select(sql<string>`substr(outbox.text, 1, 80)`.as('opening'))
  if (before !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('outbox.created_at', '<', before.createdAt),
        eb.and([
          eb('outbox.created_at', '=', before.createdAt),
          eb('outbox.message_id', '<', before.messageId),
        ]),
      ]),
    )
  }
  return await query
    .orderBy('outbox.created_at', 'desc')
    .orderBy('outbox.message_id', 'desc')
    .limit(limit)
    .execute()
}

export async function loadOutboxMessage(db: WorkspaceDb, messageId: string): Promise<OutboxMessage | null> {
  const row = await withState(db)
    .selectAll('outbox')
    .select(['messages.state', 'messages.reason'])
    .where('outbox.message_id', '=', messageId)
    .executeTakeFirst()
  return row ?? null
}

function withState(db: WorkspaceDb) {
  return db
    .selectFrom('outbox')
    .innerJoin('messages', (join) =>
      join
        .onRef('messages.workspace', '=', 'outbox.workspace')
        .onRef('messages.message_id', '=', 'outbox.message_id'),
    )
}

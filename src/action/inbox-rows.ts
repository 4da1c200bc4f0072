import type { InstantMs } from '#contracts/clock.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

export type InboxRow = RowOf<'inbox'>
export type InboxEntry = Pick<
  InboxRow,
  'message_id' | 'customer_id' | 'title' | 'html' | 'text' | 'url' | 'data_json' | 'expires_at'
>

/**
 * A customer's changes are numbered under the customer's lock, so that a higher number is committed later: who
 * has seen number n has missed nothing below it. Numbers are at least the instant in milliseconds, so that none
 * comes again after the row that had it was deleted.
 */
export async function insertInbox(db: WorkspaceDb, entries: InboxEntry[], now: InstantMs): Promise<void> {
  if (entries.length === 0) return
  const owners = await lockOwners(db, entries)
  const next = await nextSequences(db, [...new Set(owners.values())], now)
  const rows = entries.map((entry) => {
    const customerId = owners.get(entry.message_id)!
    return {
      ...entry,
      customer_id: customerId,
      sequence: next(customerId),
      created_at: now,
      read_at: null,
      clicked_at: null,
      dismissed_at: null,
    }
  })
  // The same message once more leaves the first, and what was done with it.
  await db.bulkInsert('inbox', rows, 'ignore')
}

/** Whose each message is: a merge may have moved it since it was claimed. They stay theirs until we are done. */
async function lockOwners(db: WorkspaceDb, entries: InboxEntry[]): Promise<Map<string, string>> {
  const owners = new Map(entries.map((entry) => [entry.message_id, entry.customer_id]))
  for (;;) {
    await db.lockCustomers([...new Set(owners.values())])
    const rows = await db
      .selectByKeys('messages', 'message_id', [...owners.keys()])
      .select(['messages.message_id', 'messages.customer_id'])
      .execute()
    const moved = rows.filter((row) => owners.get(row.message_id) !== row.customer_id)
    if (moved.length === 0) return owners
    for (const row of moved) owners.set(row.message_id, row.customer_id)
  }
}

async function nextSequences(
  db: WorkspaceDb,
  customerIds: string[],
  now: InstantMs,
): Promise<(customerId: string) => number> {
  const rows = await db
    .selectByKeys('inbox', 'customer_id', customerIds)
    .select((eb) => ['inbox.customer_id', eb.fn.max<number>('inbox.sequence').as('last')])
    .groupBy('inbox.customer_id')
    .execute()
  const last = new Map(rows.map((row) => [row.customer_id, Number(row.last)]))
  return (customerId) => {
    const next = Math.max((last.get(customerId) ?? 0) + 1, now)
    last.set(customerId, next)
    return next
  }
}

export interface InboxPosition {
  at: InstantMs
  id: string
}

/** What the customer can see now, newest first, from behind `before`. */
export async function listInbox(
  db: WorkspaceDb,
  customerId: string,
  { now, before, limit }: { now: InstantMs; before?: InboxPosition; limit: number },
): Promise<InboxRow[]> {
  let query = visible(db, customerId, now).selectAll('inbox')
  if (before !== undefined) {
    query = query.where(({ eb, or, and }) =>
      or([
        eb('inbox.created_at', '<', before.at),
        and([eb('inbox.created_at', '=', before.at), eb('inbox.message_id', '<', before.id)]),
      ]),
    )
  }
  return await query
    .orderBy('inbox.created_at', 'desc')
    .orderBy('inbox.message_id', 'desc')
    .limit(limit)
    .execute()
}

export async function countUnread(db: WorkspaceDb, customerId: string, now: InstantMs): Promise<number> {
  const row = await visible(db, customerId, now)
    .select((eb) => eb.fn.countAll<number>().as('unread'))
    .where('inbox.read_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(row.unread)
}

/** The number of the last change: where a stream begins that has seen the list. */
export async function lastSequence(db: WorkspaceDb, customerId: string): Promise<number> {
  const row = await db
    .selectFrom('inbox')
    .select((eb) => eb.fn.max<number | null>('inbox.sequence').as('last'))
    .where('inbox.customer_id', '=', customerId)
    .executeTakeFirst()
  return Number(row?.last ?? 0)
}

function visible(db: WorkspaceDb, customerId: string, now: InstantMs) {
  return db
    .selectFrom('inbox')
    .where('inbox.customer_id', '=', customerId)
    .where('inbox.dismissed_at', 'is', null)
    .where('inbox.expires_at', '>', now)
}

/** Customers with a change behind the lowest of their cursors; one statement however many there are. */
export async function changedInboxes(
  db: WorkspaceDb,
  cursors: ReadonlyMap<string, number>,
): Promise<Set<string>> {
  const rows = await db.recurring(lastOfCustomers, { customerIds: [...cursors.keys()] })
  return new Set(
    rows.filter((row) => Number(row.last) > cursors.get(row.customer_id)!).map((row) => row.customer_id),
  )
}

const lastOfCustomers: RecurringQuery<
  { customerIds: readonly string[] },
  { customer_id: string; last: number }
> = {
  like: { customerIds: 'keys' },
  build: (db, { customerIds }) =>
    db
      .selectByKeys('inbox', 'customer_id', customerIds)
      .select((eb) => ['inbox.customer_id', eb.fn.max<number>('inbox.sequence').as('last')])
      .groupBy('inbox.customer_id'),
}

/** Changes behind `after`, in their order. */
export async function changesAfter(
  db: WorkspaceDb,
  customerId: string,
  after: number,
  limit: number,
): Promise<InboxRow[]> {
  return await db
    .selectFrom('inbox')
    .selectAll('inbox')
    .where('inbox.customer_id', '=', customerId)
    .where('inbox.sequence', '>', after)
    .orderBy('inbox.sequence')
    .limit(limit)
    .execute()
}

export type InboxAction = 'read' | 'dismiss' | 'click'

/** One message of a customer; null where they have no such one. */
export async function inboxRow(
  db: WorkspaceDb,
  customerId: string,
  messageId: string,
): Promise<InboxRow | null> {
  const row = await db
    .selectFrom('inbox')
    .selectAll('inbox')
    .where('inbox.message_id', '=', messageId)
    .where('inbox.customer_id', '=', customerId)
    .executeTakeFirst()
  return row ?? null
}

/** Notes what the customer did; who clicks has read. Null where they have no such message (any longer). */
export async function noteInboxAction(
  db: WorkspaceDb,
  { customerId, messageId, action }: { customerId: string; messageId: string; action: InboxAction },
  now: InstantMs,
): Promise<InboxRow | null> {
  await db.lockCustomers([customerId])
  const before = await inboxRow(db, customerId, messageId)
  if (before === null || before.expires_at <= now) return null
  const column = ({ read: 'read_at', dismiss: 'dismissed_at', click: 'clicked_at' } as const)[action]
  if (before[column] !== null) return before
  const next = await nextSequences(db, [customerId], now)
  const change = {
    [column]: now,
    ...(action === 'click' && before.read_at === null ? { read_at: now } : {}),
    sequence: next(customerId),
  }
  await db.updateTable('inbox').set(change).where('inbox.message_id', '=', messageId).execute()
  return { ...before, ...change }
}

/** A merge: the messages of one customer are the other's, as changes of theirs. The caller holds both locks. */
export async function moveInbox(
  db: WorkspaceDb,
  fromId: string,
  intoId: string,
  now: InstantMs,
): Promise<void> {
  const rows = await changesAfter(db, fromId, 0, Number.MAX_SAFE_INTEGER)
  if (rows.length === 0) return
  const next = await nextSequences(db, [intoId], now)
  const moved = rows.map(({ workspace: _, ...row }) => ({
    ...row,
    customer_id: intoId,
    sequence: next(intoId),
  }))
  await db.bulkInsert('inbox', moved, {
    key: ['workspace', 'message_id'],
    update: ['customer_id', 'sequence'],
  })
}

/** Resolves to the rows deleted. */
export async function deleteExpiredInbox(db: WorkspaceDb, before: InstantMs, limit: number): Promise<number> {
  const expired = await db
    .selectFrom('inbox')
    .select('inbox.message_id')
    .where('inbox.expires_at', '<=', before)
    .orderBy('inbox.expires_at')
    .limit(limit)
    .execute()
  if (expired.length === 0) return 0
  const { numDeletedRows } = await db
    .deleteFrom('inbox')
    .where(
      'inbox.message_id',
      'in',
      expired.map((row) => row.message_id),
    )
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}

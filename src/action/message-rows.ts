import type { SelectQueryBuilder } from 'kysely'
import type { ChannelName } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import type { MessageState, NewMessage } from '#contracts/message.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { StoreSchema } from '#platform/store/schema.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { together } from '#platform/store/together.ts'
import { moveSpend } from './campaign-spend.ts'
import { saveChanges } from './save-changes.ts'

export type MessageRow = RowOf<'messages'>

/**
 * Queues messages. One that is there already (the batch ran before) stays as it is. Resolves to the ids of those
 * that this call queued.
 */
export async function insertMessages(
  db: WorkspaceDb,
  messages: NewMessage[],
  now: InstantMs,
): Promise<ReadonlySet<string>> {
  if (messages.length === 0) return new Set()
  const byId = new Map(messages.map((message) => [message.messageId, message]))
  const known = await loadStates(db, [...byId.keys()])
  const fresh = [...byId.values()].filter(({ messageId }) => !known.has(messageId))
  const queued = new Set(fresh.map(({ messageId }) => messageId))
  if (fresh.length === 0) return queued
  const first = fresh.map((message) => ({
    message_id: message.messageId,
    sequence: 1,
    state: 'queued',
    reason: '',
    at: now,
  }))
  await together(
    db.bulkInsert(
      'messages',
      fresh.map((message) => queuedRow(message, now)),
      'fail',
    ),
    db.bulkInsert('message_transitions', first, 'fail'),
    moveSpend(
      db,
      fresh.map(({ campaignId, costMicros }) => ({ campaignId, costMicros, from: null, to: 'queued' })),
    ),
  )
  return queued
}

/** No message waits longer than `campaign.expiresAfterHours` can say: 30 days. */
const expiresAfterMaxMs = 30 * 86_400_000

/**
 * The cap slots of these customers: messages queued, and those that took a slot at `since` or later.
 * Customers without any are absent.
 */
export async function loadContacts(
  db: WorkspaceDb,
  customerIds: readonly string[],
  since: InstantMs,
): Promise<Map<string, ContactSlot[]>> {
  const contacts = new Map<string, ContactSlot[]>()
  if (customerIds.length === 0) return contacts
  const createdFrom = since - expiresAfterMaxMs
  const rows = await db.recurring(contactsOfCustomers, { customerIds, createdFrom })
  for (const row of rows) {
    const at = row.state === 'queued' ? row.due_at : row.sending_at!
    if (row.state !== 'queued' && at < since) continue
    const slot: ContactSlot = {
      messageId: row.message_id,
      channel: row.channel as ChannelName,
      campaignId: row.campaign_id,
      state: row.state as ContactSlot['state'],
      at,
      transactional: row.transactional === 1,
    }
    const slots = contacts.get(row.customer_id)
    if (slots === undefined) contacts.set(row.customer_id, [slot])
    else slots.push(slot)
  }
  return contacts
}

const contactsOfCustomers: RecurringQuery<
  { customerIds: readonly string[]; createdFrom: number },
  Pick<
    MessageRow,
    | 'customer_id'
    | 'message_id'
    | 'channel'
    | 'campaign_id'
    | 'state'
    | 'due_at'
    | 'sending_at'
    | 'transactional'
  >
> = {
  like: { customerIds: 'keys', createdFrom: 'number' },
  build: (db, { customerIds, createdFrom }) =>
    db
      .selectByKeys('messages', 'customer_id', customerIds)
      .select(['messages.customer_id', 'messages.message_id', 'messages.channel', 'messages.campaign_id'])
      .select(['messages.state', 'messages.due_at', 'messages.sending_at', 'messages.transactional'])
      .where('messages.state', 'in', ['queued', 'sending', 'sent', 'unknown'])
      .where('messages.created_at', '>=', createdFrom),
}

/** One message with its history. */
export interface MessageStory {
  message: MessageRow
  transitions: RowOf<'message_transitions'>[]
  attempts: RowOf<'attempts'>[]
}

export async function loadMessage(db: WorkspaceDb, messageId: string): Promise<MessageStory | null> {
  const message = await db
    .selectFrom('messages')
    .where('messages.message_id', '=', messageId)
    .selectAll('messages')
    .executeTakeFirst()
  if (message === undefined) return null
  const transitions = await db
    .selectFrom('message_transitions')
    .where('message_transitions.message_id', '=', messageId)
    .selectAll('message_transitions')
    .orderBy('message_transitions.sequence')
    .execute()
  const attempts = await db
    .selectFrom('attempts')
    .where('attempts.message_id', '=', messageId)
    .selectAll('attempts')
    .orderBy('attempts.attempt')
    .execute()
  return { message, transitions, attempts }
}

export interface MessageFilter {
  customerId?: string
  campaignId?: string
  state?: MessageState
  decisionId?: string
  /** Older than this one: where the last page ended. */
  before?: { createdAt: InstantMs; messageId: string }
  limit: number
}

/** Newest first. */
export async function listMessages(db: WorkspaceDb, filter: MessageFilter): Promise<MessageRow[]> {
  let query = db.selectFrom('messages').selectAll('messages')
  if (filter.customerId !== undefined) query = query.where('messages.customer_id', '=', filter.customerId)
  if (filter.campaignId !== undefined) query = query.where('messages.campaign_id', '=', filter.campaignId)
  if (filter.decisionId !== undefined) query = query.where('messages.decision_id', '=', filter.decisionId)
  if (filter.state !== undefined) query = query.where('messages.state', '=', filter.state)
  const { before } = filter
  if (before !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('messages.created_at', '<', before.createdAt),
        eb.and([
          eb('messages.created_at', '=', before.createdAt),
          eb('messages.message_id', '<', before.messageId),
        ]),
      ]),
    )
  }
  return await query
    .orderBy('messages.created_at', 'desc')
    .orderBy('messages.message_id', 'desc')
    .limit(filter.limit)
    .execute()
}

/** Number of messages by state. */
export async function countMessages(db: WorkspaceDb): Promise<Partial<Record<MessageState, number>>> {
  const rows = await db
    .selectFrom('messages')
    .select((eb) => ['messages.state', eb.fn.countAll<number>().as('messages_count')])
    .groupBy('messages.state')
    .execute()
  return Object.fromEntries(rows.map((row) => [row.state, Number(row.messages_count)]))
}

/** A merge: the messages of one customer become the other's. The caller holds both customers' locks. */
export async function moveMessages(db: WorkspaceDb, fromId: string, intoId: string): Promise<void> {
  const theirs = db
    .selectFrom('messages')
    .select('messages.message_id')
    .where('messages.customer_id', '=', fromId)
  // By the message: the outbox has no order by customer, and is not asked in one.
  await db
    .updateTable('outbox')
    .set({ customer_id: intoId })
    .where('outbox.message_id', 'in', theirs)
    .execute()
  await db
    .updateTable('messages')
    .set({ customer_id: intoId })
    .where('messages.customer_id', '=', fromId)
    .execute()
}

/**
 * Writes changed messages with a transition each. The rows were read in this transaction. Whoever has their
 * states before locked at hand says so with `saveChanges`.
 */
export async function saveMessages(db: WorkspaceDb, rows: MessageRow[], now: InstantMs): Promise<void> {
  if (rows.length === 0) return
  const before = await loadStates(
    db,
    rows.map((row) => row.message_id),
  )
  await saveChanges(
    db,
    rows.map((row) => ({ from: before.get(row.message_id) ?? null, row })),
    now,
  )
}

/** These messages as they stand, by id; nobody else changes them until the transaction ends. */
export async function lockMessageRows(
  db: WorkspaceDb,
  messageIds: readonly string[],
): Promise<Map<string, MessageRow>> {
  if (messageIds.length === 0) return new Map()
  const found = await db.recurring(lockedRows, { messageIds })
  return new Map(found.map((row) => [row.message_id, row]))
}

const lockedRows: RecurringQuery<{ messageIds: readonly string[] }, MessageRow> = {
  like: { messageIds: 'keys' },
  build: (db, { messageIds }) =>
    inLockedOrder(db, db.selectByKeys('messages', 'message_id', messageIds).selectAll('messages')),
}

/** States as stored, by id; locked until the transaction ends, so that each change is counted once. */
async function loadStates(db: WorkspaceDb, messageIds: string[]): Promise<Map<string, MessageState>> {
  const found = await db.recurring(lockedStates, { messageIds })
  return new Map(found.map((row) => [row.message_id, row.state]))
}

const lockedStates: RecurringQuery<
  { messageIds: readonly string[] },
  Pick<MessageRow, 'message_id' | 'state'>
> = {
  like: { messageIds: 'keys' },
  build: (db, { messageIds }) =>
    inLockedOrder(
      db,
      db.selectByKeys('messages', 'message_id', messageIds).select(['messages.message_id', 'messages.state']),
    ),
}

/** In one order for all, so that two transactions never hold what the other wants. */
function inLockedOrder<O>(
  db: WorkspaceDb,
  rows: SelectQueryBuilder<StoreSchema, 'messages', O>,
): SelectQueryBuilder<StoreSchema, 'messages', O> {
  return db.dialect === 'postgres' ? rows.orderBy('messages.message_id').forUpdate() : rows
}

function queuedRow(message: NewMessage, now: InstantMs): Omit<MessageRow, 'workspace'> {
  return {
    message_id: message.messageId,
    decision_id: message.decisionId,
    decision_day_utc: message.decisionDayUtc,
    customer_id: message.customerId,
    campaign_id: message.campaignId,
    campaign_version: message.campaignVersion,
    treatment_id: message.treatmentId,
    variant_id: message.variantId,
    channel: message.channel,
    address: message.address,
    state: 'queued',
    reason: '',
    transactional: message.transactional ? 1 : 0,
    cost_micros: message.costMicros,
    created_at: now,
    due_at: message.dueAt,
    expires_at: message.expiresAt,
    sending_at: null,
    state_at: now,
    attempts: 0,
    context_json: JSON.stringify(message.context),
    journey_id: message.journeyId ?? '',
    relevant_since: message.relevantSince ?? now,
    coupon_code: '',
    locale: '',
    lease_owner: '',
    lease_until: 0,
  }
}

import type { ApiFault } from '#contracts/errors.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { lockMessageRows, type MessageRow, saveMessages } from './message-rows.ts'

export type DeadLetterRow = RowOf<'dead_letters'>
export type DeadLetterState = DeadLetterRow['state']

/** Keeps messages that failed for good where an operator finds them; a retried one that failed again is open again. */
export async function keepDeadLetters(
  db: WorkspaceDb,
  failed: readonly { message: MessageRow; provider: string }[],
  now: number,
): Promise<void> {
  if (failed.length === 0) return
  const rows = failed.map(({ message, provider }) => ({
    message_id: message.message_id,
    provider,
    reason: message.reason,
    attempts: message.attempts,
    failed_at: now,
    state: 'open' as const,
    actor: '',
    note: '',
    changed_at: now,
  }))
  await db.bulkInsert('dead_letters', rows, {
    key: ['workspace', 'message_id'],
    update: ['provider', 'reason', 'attempts', 'failed_at', 'state', 'actor', 'note', 'changed_at'],
  })
}

export interface DeadLetterFilter {
  state: DeadLetterState
  provider?: string
  /** Older ones come first; from behind this one. */
  after?: { failedAt: number; messageId: string }
  limit: number
}

export async function listDeadLetters(db: WorkspaceDb, filter: DeadLetterFilter): Promise<DeadLetterRow[]> {
  let query = db
    .selectFrom('dead_letters')
    .selectAll('dead_letters')
    .where('dead_letters.state', '=', filter.state)
  if (filter.provider !== undefined) query = query.where('dead_letters.provider', '=', filter.provider)
  const { after } = filter
  if (after !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('dead_letters.failed_at', '>', after.failedAt),
        eb.and([
          eb('dead_letters.failed_at', '=', after.failedAt),
          eb('dead_letters.message_id', '>', after.messageId),
        ]),
      ]),
    )
  }
  return await query
    .orderBy('dead_letters.failed_at')
    .orderBy('dead_letters.message_id')
    .limit(filter.limit)
    .execute()
}

export async function loadDeadLetter(db: WorkspaceDb, messageId: string): Promise<DeadLetterRow | null> {
  const row = await db
    .selectFrom('dead_letters')
    .selectAll('dead_letters')
    .where('dead_letters.message_id', '=', messageId)
    .executeTakeFirst()
  return row ?? null
}

export async function countDeadLetters(db: WorkspaceDb): Promise<number> {
  const row = await db
    .selectFrom('dead_letters')
    .select((eb) => eb.fn.countAll<number>().as('letters'))
    .where('dead_letters.state', '=', 'open')
    .executeTakeFirstOrThrow()
  return Number(row.letters)
}

export interface LetterChange {
  actor: string
  note: string
  now: number
}

/** What is retried may be sent for another day, but never later than any message may be (30 days). */
const retriedForMs = 86_400_000
const ageMostMs = 30 * 86_400_000

/**
 * Queues a failed message again: a new attempt, through the claim with all its guardrails. Its tries count anew.
 * The caller's transaction.
 */
export function retryDeadLetter(
  db: WorkspaceDb,
  messageId: string,
  change: LetterChange,
): Promise<MessageRow | ApiFault> {
  return closeLetter(db, messageId, 'retried', change, (message) => queueAgain(db, message, change.now))
}

async function queueAgain(db: WorkspaceDb, message: MessageRow, now: number): Promise<MessageRow | ApiFault> {
  const { message_id: messageId } = message
  const expiresAt = Math.min(message.created_at + ageMostMs, Math.max(message.expires_at, now + retriedForMs))
  if (expiresAt <= now) return { code: 'conflict', detail: `message ${messageId} is older than 30 days` }
  const queued: MessageRow = {
    ...message,
    state: 'queued',
    reason: 'retried',
    due_at: now,
    expires_at: expiresAt,
    sending_at: null,
    state_at: now,
  }
  await db
    .updateTable('messages')
    .set({ expires_at: expiresAt })
    .where('messages.message_id', '=', messageId)
    .execute()
  await saveMessages(db, [queued], now)
  return queued
}

/** Nothing more is made of it; it stays failed in the ledger. */
export function dropDeadLetter(
  db: WorkspaceDb,
  messageId: string,
  change: LetterChange,
): Promise<MessageRow | ApiFault> {
  return closeLetter(db, messageId, 'dropped', change, async (message) => message)
}

/** Makes of an open letter's message what becomes of it. */
async function closeLetter(
  db: WorkspaceDb,
  messageId: string,
  state: DeadLetterState,
  { actor, note, now }: LetterChange,
  make: (message: MessageRow) => Promise<MessageRow | ApiFault>,
): Promise<MessageRow | ApiFault> {
  const message = (await lockMessageRows(db, [messageId])).get(messageId)
  const letter = await loadDeadLetter(db, messageId)
  if (message === undefined || letter === null) {
    return { code: 'not_found', detail: `there is no dead letter ${messageId}` }
  }
  if (letter.state !== 'open') {
    const detail = `message ${messageId} was ${letter.state} by ${letter.actor}, and has not failed since`
    return { code: 'conflict', detail }
  }
  const made = await make(message)
  if ('code' in made) return made
  await db
    .updateTable('dead_letters')
    .set({ state, actor, note, changed_at: now })
    .where('dead_letters.message_id', '=', messageId)
    .execute()
  return made
}

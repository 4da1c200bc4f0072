import { sql } from 'kysely'
import type { RecurringQuery } from './recurring-query.ts'
import type { RowOf, WorkspaceDb } from './store.ts'

/**
 * Claims and leases of the message ledger. A claimer selects due rows inside a write transaction, sets
 * them to `sending` with its name and the end of its lease, and commits before it calls the provider.
 * Who is due goes by the injected clock, who lost a lease by the wall clock.
 */

/**
 * Queued messages that are due, transactional ones first (somebody waits for that code while a campaign's
 * thousands are queued), each kind oldest first; PostgreSQL leaves out those that another claim holds.
 */
export async function selectDueForClaim(
  db: WorkspaceDb,
  due: { now: number; limit: number },
): Promise<RowOf<'messages'>[]> {
  const first = await db.recurring(dueTransactional, due)
  if (first.length >= due.limit) return first
  const others = await db.recurring(dueMessages, due)
  if (first.length === 0) return others
  const ids = new Set(first.map((row) => row.message_id))
  return [...first, ...others.filter((row) => !ids.has(row.message_id))].slice(0, due.limit)
}

type DueQuery = RecurringQuery<{ now: number; limit: number }, RowOf<'messages'>>

const dueMessages: DueQuery = {
  like: { now: 'number', limit: 'number' },
  build: (db, due) => selectDue(db, due),
}

/** They have an index of their own, which is empty most of the time: 4 µs. */
const dueTransactional: DueQuery = {
  like: { now: 'number', limit: 'number' },
  build: (db, due) => selectDue(db, due).where('messages.transactional', '=', sql.lit<1>(1)),
}

function selectDue(db: WorkspaceDb, { now, limit }: { now: number; limit: number }) {
  const due = db
    .selectFrom('messages')
    .selectAll('messages')
    .where('messages.state', '=', 'queued')
    .where('messages.due_at', '<=', now)
    .orderBy('messages.due_at')
    .limit(limit)
  return db.dialect === 'postgres' ? due.forUpdate().skipLocked() : due
}

/**
 * Locks these accounts for a claim, so that no other one counts their slots meanwhile. Resolves to those which are
 * this transaction's now; never waits. SQLite has one writer anyway.
 */
export async function tryLockAccounts(db: WorkspaceDb, accountIds: readonly string[]): Promise<Set<string>> {
  if (db.dialect === 'sqlite' || accountIds.length === 0) return new Set(accountIds)
  const locked = await db
    .selectByKeys('accounts', 'account_id', accountIds)
    .select('accounts.account_id')
    .forUpdate()
    .skipLocked()
    .execute()
  return new Set(locked.map((row) => row.account_id))
}

/** Codes of the pool that nobody holds; PostgreSQL leaves out those that another transaction is about to give. */
export async function selectFreeCodes(
  db: WorkspaceDb,
  { poolId, limit }: { poolId: string; limit: number },
): Promise<RowOf<'coupon_codes'>[]> {
  const free = db
    .selectFrom('coupon_codes')
    .selectAll('coupon_codes')
    .where('coupon_codes.pool_id', '=', poolId)
    .where('coupon_codes.state', '=', 'available')
    .orderBy('coupon_codes.code')
    .limit(limit)
  return (db.dialect === 'postgres' ? free.forUpdate().skipLocked() : free).execute()
}

/**
 * Messages that were being sent when their owner vanished: nobody knows whether the provider took them.
 * `wallNow` is the wall clock's.
 */
export async function selectExpiredLeases(
  db: WorkspaceDb,
  { wallNow, limit }: { wallNow: number; limit: number },
): Promise<RowOf<'messages'>[]> {
  const expired = db
    .selectFrom('messages')
    .selectAll()
    .where('messages.state', '=', 'sending')
    .where('messages.lease_until', '<=', wallNow)
    .orderBy('messages.due_at')
    .limit(limit)
  return (db.dialect === 'postgres' ? expired.forUpdate().skipLocked() : expired).execute()
}

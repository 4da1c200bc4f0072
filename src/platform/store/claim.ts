import type { RowOf, WorkspaceDb } from './store.ts'

/**
 * Claims and leases of the message ledger. A claimer selects due rows inside a write transaction, sets
 * them to `sending` with its name and the end of its lease, and commits before it calls the provider.
 * Who is due goes by the injected clock, who lost a lease by the wall clock.
 */

/** Queued messages that are due, oldest first; PostgreSQL leaves out those that another claim holds. */
export async function selectDueForClaim(
  db: WorkspaceDb,
  { now, limit }: { now: number; limit: number },
): Promise<RowOf<'messages'>[]> {
  const due = db
    .selectFrom('messages')
    .selectAll()
    .where('messages.state', '=', 'queued')
    .where('messages.due_at', '<=', now)
    .orderBy('messages.due_at')
    .limit(limit)
  return (db.dialect === 'postgres' ? due.forUpdate().skipLocked() : due).execute()
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

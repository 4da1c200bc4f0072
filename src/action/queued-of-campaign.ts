import { sql } from 'kysely'
import type { InstantMs } from '#contracts/clock.ts'
import { pausedRetryMs } from '#contracts/guardrail.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { saveChanges } from './save-changes.ts'

/** Queued messages of a campaign that has ended lapse, a page at a time. Resolves to how many did. */
export async function lapseQueued(
  db: WorkspaceDb,
  campaignId: string,
  { reason, now, limit }: { reason: string; now: InstantMs; limit: number },
): Promise<number> {
  const queued = queuedOf(db, campaignId).selectAll('messages').limit(limit)
  const rows = await (db.dialect === 'postgres' ? queued.forUpdate().skipLocked() : queued).execute()
  const changes = rows.map((row) => ({
    from: row.state,
    row: { ...row, state: 'lapsed' as const, reason, state_at: now },
  }))
  await saveChanges(db, changes, now)
  return rows.length
}

const pausedReason = 'campaign-state:campaign_paused'

/**
 * Messages that a pause had put off are due now, a page at a time. They are found by when they were to be asked
 * again: the campaign may have many that wait for something else.
 */
export async function wakeQueued(
  db: WorkspaceDb,
  campaignId: string,
  now: InstantMs,
  limit: number,
): Promise<number> {
  const waiting = putOff(db, campaignId, now).orderBy('messages.due_at').limit(limit)
  const rows = await (db.dialect === 'postgres' ? waiting.forUpdate().skipLocked() : waiting).execute()
  if (rows.length === 0) return 0
  await db
    .updateTable('messages')
    .set({ due_at: now })
    .where(
      'messages.message_id',
      'in',
      rows.map((row) => row.message_id),
    )
    .execute()
  return rows.length
}

/** Whether either of them has anything to do. */
export async function hasQueued(
  db: WorkspaceDb,
  campaignId: string,
  which: { putOffAt: InstantMs } | 'all',
): Promise<boolean> {
  const rows = which === 'all' ? queuedOf(db, campaignId) : putOff(db, campaignId, which.putOffAt)
  return (await rows.limit(1).executeTakeFirst()) !== undefined
}

function queuedOf(db: WorkspaceDb, campaignId: string) {
  return db
    .selectFrom('messages')
    .select('messages.message_id')
    .where('messages.campaign_id', '=', campaignId)
    .where('messages.state', '=', 'queued')
    .where('messages.transactional', '=', 0)
}

/**
 * By when they are due: SQLite has no statistics and would walk over all that the campaign has queued, so the
 * campaign is named in a way that no index knows.
 */
function putOff(db: WorkspaceDb, campaignId: string, now: InstantMs) {
  return db
    .selectFrom('messages')
    .select('messages.message_id')
    .where('messages.state', '=', 'queued')
    .where('messages.due_at', '>', now)
    .where('messages.due_at', '<=', now + pausedRetryMs)
    .where(sql<string>`messages.campaign_id || ''`, '=', campaignId)
    .where('messages.reason', '=', pausedReason)
}

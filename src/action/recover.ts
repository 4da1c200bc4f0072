import type { Clock } from '#contracts/clock.ts'
import { selectExpiredLeases } from '#platform/store/claim.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { type MessageRow, saveMessages } from './message-rows.ts'

export const crashReason = 'crash_between_call_and_result'
const batchMax = 200

/**
 * Marks messages as `unknown` whose sender vanished between the claim and the result: nobody knows whether
 * the provider took them. They keep their cap slot and are never sent again by themselves.
 *
 * `all`: every message `sending`, for the start of a process that alone owns the store. `expired`: those
 * whose lease has run out by the wall clock. `isOurs` spares what this process is sending right now.
 */
export async function markUnknown(
  store: Store,
  workspace: string,
  which: 'all' | 'expired',
  { clock, wallClock, isOurs }: { clock: Clock; wallClock: Clock; isOurs: (messageId: string) => boolean },
): Promise<number> {
  let marked = 0
  for (;;) {
    const found = await store.transaction(async (tx) => {
      const db = tx.workspace(workspace)
      const wallNow = which === 'all' ? Number.MAX_SAFE_INTEGER : wallClock.now()
      const lost = await selectExpiredLeases(db, { wallNow, limit: batchMax })
      const rows = lost.filter((row) => !isOurs(row.message_id))
      await writeUnknown(db, rows, clock.now())
      return { rows: rows.length, more: lost.length === batchMax && rows.length > 0 }
    })
    marked += found.rows
    if (!found.more) return marked
  }
}

async function writeUnknown(db: WorkspaceDb, rows: MessageRow[], now: number): Promise<void> {
  const unknown = rows.map(
    (row): MessageRow => ({
      ...row,
      state: 'unknown',
      reason: crashReason,
      state_at: now,
      lease_owner: '',
      lease_until: 0,
    }),
  )
  await saveMessages(db, unknown, now)
  for (const row of rows) {
    await db
      .updateTable('attempts')
      .set({ ended_at: now, result: 'unknown', reason: crashReason })
      .where('attempts.message_id', '=', row.message_id)
      .where('attempts.attempt', '=', row.attempts)
      .execute()
  }
}

import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { insertRewards } from './reward-rows.ts'

export interface CloseWindows {
  /** Injected clock. */
  now: number
  /**
   * A window stays open that much longer, for events that are late in the log: crediting them then is a
   * plain reward, after the close it is a correction.
   */
  closeGraceMs: number
  /** Decisions looked at, at most. */
  limit: number
}

/**
 * Closes windows that ended without a conversion and tells the learner y = 0, the earliest end first.
 * Call it in a write transaction, again until it resolves to 0: the number of exposures closed.
 */
export async function closeWindows(
  db: WorkspaceDb,
  { now, closeGraceMs, limit }: CloseWindows,
): Promise<number> {
  // Another process is at it: two would close the same ones.
  if (!(await db.tryLock('windows'))) return 0
  const endedBefore = now - closeGraceMs
  const ended = await db
    .selectFrom('exposures')
    .select(['exposures.decision_id', 'exposures.window_ends_at'])
    .where('exposures.state', '=', 'open')
    .where('exposures.window_ends_at', '<', endedBefore)
    .orderBy('exposures.window_ends_at')
    .orderBy('exposures.decision_id')
    .limit(limit)
    .execute()
  const last = ended.at(-1)
  if (last === undefined) return 0
  // The update asks for 'open' again and says what it changed: a conversion or another closer that came
  // between the two statements (PostgreSQL) keeps its row. The bound on the window's end keeps it from
  // looking through all that is left of a backlog.
  const closed = await db
    .updateTable('exposures')
    .set({ state: 'closed' })
    .where('exposures.state', '=', 'open')
    .where('exposures.window_ends_at', '<=', last.window_ends_at)
    .where('exposures.decision_id', 'in', [...new Set(ended.map((row) => row.decision_id))])
    .returningAll()
    .execute()
  closed.sort((a, b) => a.window_ends_at - b.window_ends_at || compare(keyOf(a), keyOf(b)))
  await insertRewards(
    db,
    closed.map((exposure) => noReward(exposure, now)),
  )
  return closed.length
}

function noReward(exposure: RowOf<'exposures'>, now: number): WorkspaceRowOf<'rewards'> {
  return {
    decision_id: exposure.decision_id,
    campaign_id: exposure.campaign_id,
    decision_day_utc: exposure.decision_day_utc,
    head: exposure.head,
    kind: 'reward',
    y: 0,
    created_at: now,
  }
}

function keyOf(row: { decision_id: string; campaign_id: string }): string {
  return `${row.decision_id}\u0000${row.campaign_id}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

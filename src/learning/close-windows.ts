import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { insertRewards } from './reward-rows.ts'

export interface CloseWindows {
  /** Injected clock. */
  now: number
  /**
   * Exposures settle that much later, for events that are late in the log: crediting them then is a plain
   * reward, afterwards it is a correction.
   */
  closeGraceMs: number
  /** Decisions looked at, at most. */
  limit: number
}

/**
 * Tells the learner what became of exposures that have settled, y = 0 or 1, the earliest first. Call it in a
 * write transaction, again until it resolves to 0: the number of exposures told.
 */
export async function closeWindows(db: WorkspaceDb, close: CloseWindows): Promise<number> {
  // Another process is at it: two would close the same ones.
  if (!(await db.tryLock('windows'))) return 0
  const told = [
    ...(await settle(db, 'open', 'closed', close)),
    ...(await settle(db, 'converted', 'credited', close)),
  ]
  told.sort((a, b) => a.settles_at - b.settles_at || compare(keyOf(a), keyOf(b)))
  await insertRewards(
    db,
    told.map((exposure) => rewardOf(exposure, close.now)),
  )
  return told.length
}

async function settle(
  db: WorkspaceDb,
  from: 'open' | 'converted',
  to: 'closed' | 'credited',
  { now, closeGraceMs, limit }: CloseWindows,
): Promise<RowOf<'exposures'>[]> {
  const settled = await db
    .selectFrom('exposures')
    .select(['exposures.decision_id', 'exposures.settles_at'])
    .where('exposures.state', '=', from)
    .where('exposures.settles_at', '<', now - closeGraceMs)
    .orderBy('exposures.settles_at')
    .orderBy('exposures.decision_id')
    .limit(limit)
    .execute()
  const last = settled.at(-1)
  if (last === undefined) return []
  // The update asks for the state again and says what it changed: a conversion or another closer that came
  // between the two statements (PostgreSQL) keeps its row. The bound on the time keeps it from looking through
  // all that is left of a backlog.
  return db
    .updateTable('exposures')
    .set({ state: to })
    .where('exposures.state', '=', from)
    .where('exposures.settles_at', '<=', last.settles_at)
    .where('exposures.decision_id', 'in', [...new Set(settled.map((row) => row.decision_id))])
    .returningAll()
    .execute()
}

function rewardOf(exposure: RowOf<'exposures'>, now: number): WorkspaceRowOf<'rewards'> {
  return {
    decision_id: exposure.decision_id,
    campaign_id: exposure.campaign_id,
    decision_day_utc: exposure.decision_day_utc,
    head: exposure.head,
    kind: 'reward',
    y: exposure.state === 'credited' ? 1 : 0,
    created_at: now,
  }
}

function keyOf(row: { decision_id: string; campaign_id: string }): string {
  return `${row.decision_id}\u0000${row.campaign_id}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

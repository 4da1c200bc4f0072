import type { InstantMs } from '#contracts/clock.ts'
import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

export type BroadcastRun = RowOf<'broadcasts'>

/** The newest run of the campaign; null where it was never started. */
export async function loadRun(db: WorkspaceDb, campaignId: string): Promise<BroadcastRun | null> {
  const row = await db
    .selectFrom('broadcasts')
    .selectAll('broadcasts')
    .where('broadcasts.campaign_id', '=', campaignId)
    .orderBy('broadcasts.run', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ?? null
}

/** What a run that nobody has worked on says of its progress. */
export const nothingDone = {
  ended_at: null,
  cursor_id: '',
  looked: 0,
  audience: 0,
  queued: 0,
  held_out: 0,
  refused: 0,
  undrawn: 0,
  pace_looked: 0,
  pace_taken: 0,
} as const satisfies Partial<BroadcastRun>

export async function insertRun(db: WorkspaceDb, run: WorkspaceRowOf<'broadcasts'>): Promise<void> {
  await db.bulkInsert('broadcasts', [run], 'fail')
}

/** Runs of this workspace that have somebody left to decide about, the oldest first. */
export function openRuns(db: WorkspaceDb): Promise<BroadcastRun[]> {
  return db
    .selectFrom('broadcasts')
    .selectAll('broadcasts')
    .where('broadcasts.state', 'in', openStates)
    .orderBy('broadcasts.started_at')
    .orderBy('broadcasts.campaign_id')
    .execute()
}

const openStates = ['planning', 'waiting', 'taking'] as const

export function isOpen({ state }: Pick<BroadcastRun, 'state'>): boolean {
  return state !== 'done' && state !== 'cancelled'
}

/**
 * Writes how far a run has come, where it still stands as it was read: one that was cancelled or went on
 * elsewhere makes the transaction begin anew.
 */
export async function saveRun(db: WorkspaceDb, before: BroadcastRun, after: BroadcastRun): Promise<void> {
  const { workspace: _own, campaign_id: campaignId, run, ...columns } = after
  const { numUpdatedRows } = await db
    .updateTable('broadcasts')
    .set(columns)
    .where('broadcasts.campaign_id', '=', campaignId)
    .where('broadcasts.run', '=', run)
    .where('broadcasts.state', '=', before.state)
    .where('broadcasts.cursor_id', '=', before.cursor_id)
    .where('broadcasts.pace_from', '=', before.pace_from)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows !== 1n) throw new ChangedMeanwhileError('a broadcast')
}

/** The campaign's end cancels its run. */
export async function cancelRun(db: WorkspaceDb, campaignId: string, now: InstantMs): Promise<void> {
  await db
    .updateTable('broadcasts')
    .set({ state: 'cancelled', ended_at: now })
    .where('broadcasts.campaign_id', '=', campaignId)
    .where('broadcasts.state', 'in', openStates)
    .execute()
}

/** After a pause the pace counts from now on: what was not done meanwhile is not made up for. */
export async function restartPace(db: WorkspaceDb, campaignId: string, now: InstantMs): Promise<void> {
  await db
    .updateTable('broadcasts')
    .set(({ eb, ref }) => ({
      pace_from: eb
        .case()
        .when('broadcasts.starts_at', '>', now)
        .then(ref('broadcasts.starts_at'))
        .else(now)
        .end(),
      pace_looked: ref('broadcasts.looked'),
      pace_taken: 0,
    }))
    .where('broadcasts.campaign_id', '=', campaignId)
    .where('broadcasts.state', 'in', openStates)
    .execute()
}

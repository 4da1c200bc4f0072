import type { InstantMs } from '#contracts/clock.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

export type BroadcastTurn = RowOf<'broadcast_turns'>

/** Gives customers their turns, or moves them. */
export async function saveTurns(db: WorkspaceDb, turns: WorkspaceRowOf<'broadcast_turns'>[]): Promise<void> {
  if (turns.length === 0) return
  await db.bulkInsert('broadcast_turns', turns, {
    key: ['workspace', 'campaign_id', 'customer_id'],
    update: ['run', 'occurrence', 'due_at'],
  })
}

type RunKey = Pick<RowOf<'broadcasts'>, 'campaign_id' | 'run'>

/** Whose turn it is, those first who have waited longest. */
export function dueTurns(
  db: WorkspaceDb,
  { campaign_id: campaignId, run }: RunKey,
  now: InstantMs,
  limit: number,
): Promise<BroadcastTurn[]> {
  return db.recurring(due, { campaignId, run, now, limit })
}

const due: RecurringQuery<{ campaignId: string; run: number; now: number; limit: number }, BroadcastTurn> = {
  like: { campaignId: 'text', run: 'number', now: 'number', limit: 'number' },
  build: (db, { campaignId, run, now, limit }) =>
    db
      .selectFrom('broadcast_turns')
      .selectAll('broadcast_turns')
      .where('broadcast_turns.campaign_id', '=', campaignId)
      .where('broadcast_turns.run', '=', run)
      .where('broadcast_turns.due_at', '<=', now)
      .orderBy('broadcast_turns.due_at')
      .limit(limit),
}

export async function deleteTurns(
  db: WorkspaceDb,
  campaignId: string,
  customerIds: readonly string[],
): Promise<void> {
  if (customerIds.length === 0) return
  await db
    .deleteFrom('broadcast_turns')
    .where('broadcast_turns.campaign_id', '=', campaignId)
    .where('broadcast_turns.customer_id', 'in', [...customerIds])
    .execute()
}

/** How many wait, and when the last one's turn comes. */
export async function countTurns(
  db: WorkspaceDb,
  { campaign_id: campaignId, run }: RunKey,
): Promise<{ waiting: number; lastAt: InstantMs | null }> {
  const row = await db
    .selectFrom('broadcast_turns')
    .select((eb) => [
      eb.fn.countAll<number>().as('turns_count'),
      eb.fn.max<number | null>('broadcast_turns.due_at').as('last_at'),
    ])
    .where('broadcast_turns.campaign_id', '=', campaignId)
    .where('broadcast_turns.run', '=', run)
    .executeTakeFirstOrThrow()
  return {
    waiting: Number(row.turns_count),
    lastAt: row.last_at === null ? null : Number(row.last_at),
  }
}

/** Whether anybody waits still. */
export async function hasTurns(db: WorkspaceDb, { campaign_id: campaignId, run }: RunKey): Promise<boolean> {
  const row = await db
    .selectFrom('broadcast_turns')
    .select('broadcast_turns.customer_id')
    .where('broadcast_turns.campaign_id', '=', campaignId)
    .where('broadcast_turns.run', '=', run)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Whether there are any of whatever run. */
export async function hasTurnsOf(db: WorkspaceDb, campaignId: string): Promise<boolean> {
  const row = await db
    .selectFrom('broadcast_turns')
    .select('broadcast_turns.customer_id')
    .where('broadcast_turns.campaign_id', '=', campaignId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Takes away some of the turns of a campaign that has ended. Resolves to how many. */
export async function dropTurns(db: WorkspaceDb, campaignId: string, limit: number): Promise<number> {
  const rows = await db
    .selectFrom('broadcast_turns')
    .select('broadcast_turns.customer_id')
    .where('broadcast_turns.campaign_id', '=', campaignId)
    .limit(limit)
    .execute()
  await deleteTurns(
    db,
    campaignId,
    rows.map((row) => row.customer_id),
  )
  return rows.length
}

/** Customer merge: one turn for both, the one that comes first. */
export async function moveTurns(db: WorkspaceDb, fromId: string, intoId: string): Promise<void> {
  const rows = await db
    .selectByKeys('broadcast_turns', 'customer_id', [fromId, intoId])
    .selectAll('broadcast_turns')
    .execute()
  if (!rows.some((row) => row.customer_id === fromId)) return
  const first = new Map<string, BroadcastTurn>()
  for (const row of rows.toSorted((a, b) => a.due_at - b.due_at)) {
    if (!first.has(row.campaign_id)) first.set(row.campaign_id, row)
  }
  await saveTurns(
    db,
    [...first.values()].map(({ workspace: _own, ...row }) => ({ ...row, customer_id: intoId })),
  )
  await db.deleteFrom('broadcast_turns').where('broadcast_turns.customer_id', '=', fromId).execute()
}

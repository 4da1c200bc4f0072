import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/**
 * The learner's input. Sequence numbers are given here, in the order of `rows`, and no lower one becomes
 * visible later: the learner reads on from the last one it saw. Call it late in a transaction, since others
 * who have rewards wait for its end.
 */
export async function insertRewards(db: WorkspaceDb, rows: WorkspaceRowOf<'rewards'>[]): Promise<void> {
  if (rows.length === 0) return
  await db.lock('rewards')
  await db.bulkInsert('rewards', rows, 'fail')
}

/** Rewards after a cursor, in the order in which they are learned. */
export async function loadRewardsAfter(
  db: WorkspaceDb,
  cursor: number,
  limit: number,
): Promise<RowOf<'rewards'>[]> {
  return await db
    .selectFrom('rewards')
    .selectAll('rewards')
    .where('rewards.sequence', '>', cursor)
    .orderBy('rewards.sequence')
    .limit(limit)
    .execute()
}

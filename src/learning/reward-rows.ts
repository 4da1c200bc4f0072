import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** The learner's input. Sequence numbers are given here, in the order of `rows`. */
export async function insertRewards(db: WorkspaceDb, rows: WorkspaceRowOf<'rewards'>[]): Promise<void> {
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

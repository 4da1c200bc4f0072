import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** New exposures, state 'open'. One that is there already keeps its state. */
export async function insertExposures(db: WorkspaceDb, rows: WorkspaceRowOf<'exposures'>[]): Promise<void> {
  await db.bulkInsert('exposures', rows, 'ignore')
}

/**
 * Exposures of these customers that a conversion may still credit or correct, credited ones included:
 * they keep later conversions from falling to older exposures. `windowEndsFrom` (instant) leaves out
 * windows that ended before the oldest event that can still arrive.
 */
export async function loadExposures(
  db: WorkspaceDb,
  customerIds: readonly string[],
  windowEndsFrom = 0,
): Promise<RowOf<'exposures'>[]> {
  if (customerIds.length === 0) return []
  return db.recurring(openOfCustomers, { customerIds, windowEndsFrom })
}

const openOfCustomers: RecurringQuery<
  { customerIds: readonly string[]; windowEndsFrom: number },
  RowOf<'exposures'>
> = {
  like: { customerIds: 'keys', windowEndsFrom: 'number' },
  build: (db, { customerIds, windowEndsFrom }) =>
    db
      .selectByKeys('exposures', 'customer_id', customerIds)
      .selectAll('exposures')
      .where('exposures.window_ends_at', '>=', windowEndsFrom)
      .orderBy('exposures.exposed_at')
      .orderBy('exposures.decision_id')
      .orderBy('exposures.campaign_id'),
}

/**
 * Writes the states of exposures that were loaded in the same transaction and have earned a reward: an open
 * one has converted, a closed one corrected. The transaction fails, and is run again, where a window was closed
 * or credited since it was read.
 */
export async function updateExposureStates(db: WorkspaceDb, rows: RowOf<'exposures'>[]): Promise<void> {
  for (const [state, was] of [
    ['converted', 'open'],
    ['corrected', 'closed'],
  ] as const) {
    const own = rows.filter((row) => row.state === state).map(({ workspace: _, ...row }) => row)
    const written = await db.bulkInsert('exposures', own, {
      key: ['workspace', 'decision_id', 'campaign_id'],
      update: ['state'],
      onlyIf: { column: 'state', is: was },
    })
    if (written < own.length) throw new ChangedMeanwhileError('an exposure')
  }
}

/** After a merge: the exposures of one customer become another's. Resolves to how many moved. */
export async function moveExposures(db: WorkspaceDb, from: string, into: string): Promise<number> {
  const result = await db
    .updateTable('exposures')
    .set({ customer_id: into })
    .where('exposures.customer_id', '=', from)
    .executeTakeFirst()
  return Number(result.numUpdatedRows)
}

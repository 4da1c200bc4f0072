import { dayUtcOf } from '#platform/ids/ids.ts'
import type { WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** What happened, one row each. An outcome that is there already stays as it is. */
export async function insertOutcomes(db: WorkspaceDb, rows: WorkspaceRowOf<'outcomes'>[]): Promise<void> {
  await db.bulkInsert('outcomes', rows, 'ignore')
}

/** Whether the customer met the campaign's goal at `since` (instant) or later. */
export async function convertedSince(
  db: WorkspaceDb,
  asked: { customerId: string; campaignId: string; goalId: string; since: number },
): Promise<boolean> {
  const row = await db
    .selectFrom('outcomes')
    .select('outcomes.outcome_id')
    .where('outcomes.campaign_id', '=', asked.campaignId)
    .where('outcomes.goal_id', '=', asked.goalId)
    .where('outcomes.customer_id', '=', asked.customerId)
    .where('outcomes.kind', '=', 'conversion')
    .where('outcomes.occurred_at', '>=', asked.since)
    // What happened since was received since, but for the skew of clocks: older partitions are left alone.
    .where('outcomes.day_utc', '>=', dayUtcOf(asked.since) - 1)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** After a merge: the outcomes of one customer become another's. Resolves to how many moved. */
export async function moveOutcomes(db: WorkspaceDb, from: string, into: string): Promise<number> {
  const result = await db
    .updateTable('outcomes')
    .set({ customer_id: into })
    .where('outcomes.customer_id', '=', from)
    .executeTakeFirst()
  return Number(result.numUpdatedRows)
}

import { dayUtcOf } from '#platform/ids/ids.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** What happened, one row each. An outcome that is there already stays as it is. */
export async function insertOutcomes(db: WorkspaceDb, rows: WorkspaceRowOf<'outcomes'>[]): Promise<void> {
  await db.bulkInsert('outcomes', rows, 'ignore')
}

/** A goal of a campaign that a customer may have met at `since` (instant) or later. */
export interface GoalAsked {
  customerId: string
  campaignId: string
  goalId: string
  since: number
}

/** For each, in their order, whether the customer met the goal; one look-up for all. */
export async function convertedSince(db: WorkspaceDb, asked: readonly GoalAsked[]): Promise<boolean[]> {
  if (asked.length === 0) return []
  const since = Math.min(...asked.map((own) => own.since))
  const conversions = await db.recurring(conversionsOfCustomers, {
    customerIds: [...new Set(asked.map(({ customerId }) => customerId))],
    since,
    // What happened since was received since, but for the skew of clocks: older partitions are left alone.
    dayUtc: dayUtcOf(since) - 1,
  })
  if (conversions.length === 0) return asked.map(() => false)
  const byCustomer = Map.groupBy(conversions, (row) => row.customer_id)
  return asked.map(
    (own) =>
      byCustomer
        .get(own.customerId)
        ?.some(
          (row) =>
            row.campaign_id === own.campaignId && row.goal_id === own.goalId && row.occurred_at >= own.since,
        ) ?? false,
  )
}

const conversionsOfCustomers: RecurringQuery<
  { customerIds: readonly string[]; since: number; dayUtc: number },
  Pick<RowOf<'outcomes'>, 'customer_id' | 'campaign_id' | 'goal_id' | 'occurred_at'>
> = {
  like: { customerIds: 'keys', since: 'number', dayUtc: 'number' },
  build(db, { customerIds, since, dayUtc }) {
    const conversions = db
      .selectByKeys('outcomes', 'customer_id', customerIds)
      .select(['outcomes.customer_id', 'outcomes.campaign_id', 'outcomes.goal_id', 'outcomes.occurred_at'])
      .where('outcomes.kind', '=', 'conversion')
      .where('outcomes.occurred_at', '>=', since)
    // It chooses partitions; SQLite has none, and would read everybody's outcomes of these days.
    return db.dialect === 'postgres' ? conversions.where('outcomes.day_utc', '>=', dayUtc) : conversions
  },
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

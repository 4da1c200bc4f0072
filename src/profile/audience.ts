import { setImmediate as nextTurn } from 'node:timers/promises'
import type { InstantMs } from '#contracts/clock.ts'
import type { Condition } from '#contracts/condition.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { compileConditionSql } from './condition-sql.ts'

export interface Audience {
  condition: Condition
  /** What the segments of the workspace say, by id: `CompiledSegments.conditions`. */
  segments: ReadonlyMap<string, Condition>
  /** As of when windows and ages are reckoned; the profiles are as they stand. */
  now: InstantMs
}

export interface AudiencePage {
  customerIds: string[]
  /** Where the next page begins; null at the end. A page may be short, or empty, before that. */
  next: string | null
}

/** Customers looked at in one statement. SQLite holds its thread meanwhile: 2 to 20 ms. */
const sliceCustomers = 2000

/**
 * The next of the customers that the condition holds for, by id, after `after` ('' at first), at most `limit`.
 * Page by page everybody for whom it holds throughout is named once, whoever else comes and goes. Null: the
 * condition is too large to be asked of the store.
 */
export async function audiencePage(
  db: WorkspaceDb,
  audience: Audience,
  { after, limit }: { after: string; limit: number },
): Promise<AudiencePage | null> {
  const holds = holdsOf(db, audience)
  if (holds === null) return null
  const end = await endOfSlice(db, after)
  const rows = await slice(db, after, end)
    .select('customers.customer_id')
    .where(holds)
    .orderBy('customers.customer_id')
    .limit(limit)
    .execute()
  const customerIds = rows.map((row) => row.customer_id)
  return { customerIds, next: customerIds.length === limit ? customerIds.at(-1)! : end }
}

/** How many customers the condition holds for; null: it is too large. Others may write meanwhile. */
export async function audienceSize(db: WorkspaceDb, audience: Audience): Promise<number | null> {
  const holds = holdsOf(db, audience)
  if (holds === null) return null
  let size = 0
  for (let after: string | null = ''; after !== null; ) {
    const end = await endOfSlice(db, after)
    const { customers } = await slice(db, after, end)
      .select(({ fn }) => fn.countAll<number>().as('customers'))
      .where(holds)
      .executeTakeFirstOrThrow()
    size += Number(customers)
    after = end
    // The thread has others to answer.
    await nextTurn()
  }
  return size
}

function holdsOf({ dialect }: WorkspaceDb, { condition, segments, now }: Audience) {
  return compileConditionSql(condition, { dialect, segments, now })
}

function slice(db: WorkspaceDb, after: string, end: string | null) {
  const rest = db
    .selectFrom('customers')
    .where('customers.merged_into', 'is', null)
    .where('customers.customer_id', '>', after)
  return end === null ? rest : rest.where('customers.customer_id', '<=', end)
}

async function endOfSlice(db: WorkspaceDb, after: string): Promise<string | null> {
  const row = await db
    .selectFrom('customers')
    .select('customers.customer_id')
    .where('customers.customer_id', '>', after)
    .orderBy('customers.customer_id')
    .offset(sliceCustomers - 1)
    .limit(1)
    .executeTakeFirst()
  return row?.customer_id ?? null
}

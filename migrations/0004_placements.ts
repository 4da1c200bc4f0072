import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** What placements were given: a row for each rank with a treatment, whether it was shown, what an operator said. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int } = types
  // With rowids: without them SQLite takes the key's first column and reads the whole workspace for one customer.
  const end = types.dialect === 'sqlite' ? sql` strict` : sql``
  await sql`create table decision_ranks (
    workspace ${text} not null, decision_id ${text} not null, day_utc ${int} not null,
    request_id ${text} not null, rank ${int} not null, customer_id ${text} not null, placement ${text} not null,
    campaign_id ${text} not null, campaign_version ${int} not null, treatment_id ${text} not null,
    variant_id ${text} not null, channel ${text} not null, goal_id ${text} not null, window_ms ${int} not null,
    degraded ${int} not null, decided_at ${int} not null, expires_at ${int} not null, exposed_at ${int},
    response ${text} not null, response_reason ${text} not null, response_by ${text} not null, responded_at ${int},
    constraint decision_ranks_key primary key (workspace, decision_id, day_utc))${end}`.execute(db)
  // The customer's slots, newest first.
  await sql`create index decision_ranks_customer on decision_ranks (workspace, customer_id, decided_at)`.execute(
    db,
  )
}

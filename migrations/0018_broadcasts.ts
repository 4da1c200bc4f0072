import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** How far each run of a broadcast has come, and who waits for a local time. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int } = types
  const isSqlite = types.dialect === 'sqlite'
  await sql`create table broadcasts (
    workspace ${text} not null, campaign_id ${text} not null, run ${int} not null, state ${text} not null,
    actor ${text} not null, started_at ${int} not null, starts_at ${int} not null, ended_at ${int},
    customers ${int} not null, cursor_id ${text} not null, looked ${int} not null, audience ${int} not null,
    queued ${int} not null, held_out ${int} not null, refused ${int} not null, undrawn ${int} not null,
    pace_from ${int} not null, pace_looked ${int} not null, pace_taken ${int} not null,
    constraint broadcasts_key primary key (workspace, campaign_id, run))${isSqlite ? sql` strict, without rowid` : sql``}`.execute(
    db,
  )
  await sql`create table broadcast_turns (
    workspace ${text} not null, campaign_id ${text} not null, customer_id ${text} not null,
    run ${int} not null, occurrence ${text} not null, due_at ${int} not null,
    constraint broadcast_turns_key primary key (workspace, campaign_id, customer_id))${isSqlite ? sql` strict` : sql``}`.execute(
    db,
  )
  await sql`create index broadcast_turns_due on broadcast_turns (workspace, campaign_id, run, due_at)`.execute(
    db,
  )
  await sql`create index broadcast_turns_customer on broadcast_turns (workspace, customer_id)`.execute(db)
}

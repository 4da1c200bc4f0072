import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** Journeys through cadences and the steps they passed; timers of schedules and absences; what a message is about. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, json } = types
  const isSqlite = types.dialect === 'sqlite'
  const end = isSqlite ? sql` strict` : sql``
  const endByKey = isSqlite ? sql` strict, without rowid` : sql``
  await sql`create table journeys (
    workspace ${text} not null, journey_id ${text} not null, customer_id ${text} not null,
    campaign_id ${text} not null, version ${int} not null, settled_version ${int} not null,
    state ${text} not null, reason ${text} not null, is_newest ${int} not null,
    entered_at ${int} not null, ended_at ${int}, step_id ${text} not null, step_since ${int} not null,
    is_waiting ${int} not null, due_at ${int}, steps_passed ${int} not null, seen_json ${json} not null,
    constraint journeys_key primary key (workspace, journey_id))${end}`.execute(db)
  await sql`create index journeys_customer on journeys (workspace, customer_id, is_newest)`.execute(db)
  await sql`create index journeys_due on journeys (workspace, due_at) where due_at is not null`.execute(db)
  await sql`create index journeys_inside
    on journeys (workspace, campaign_id, state, version, settled_version)`.execute(db)
  await sql`create table journey_steps (
    workspace ${text} not null, journey_id ${text} not null, sequence ${int} not null,
    customer_id ${text} not null, campaign_id ${text} not null, version ${int} not null, step_id ${text} not null,
    kind ${text} not null, result ${text} not null, decision_id ${text} not null, at ${int} not null,
    constraint journey_steps_key primary key (workspace, journey_id, sequence))${end}`.execute(db)
  await sql`create index journey_steps_customer on journey_steps (workspace, customer_id)`.execute(db)
  await sql`create index journey_steps_campaign on journey_steps (workspace, campaign_id, step_id)`.execute(
    db,
  )
  await sql`create table schedule_rounds (
    workspace ${text} not null, campaign_id ${text} not null, version ${int} not null,
    cursor_id ${text} not null, done ${int} not null,
    constraint schedule_rounds_key primary key (workspace, campaign_id))${endByKey}`.execute(db)
  for (const [table, column, type] of [
    ['timers', 'subject', sql`${text} not null default ''`],
    ['timers', 'payload_json', sql`${json} not null default '{}'`],
    ['messages', 'journey_id', sql`${text} not null default ''`],
    ['messages', 'relevant_since', sql`${int} not null default 0`],
  ] as const) {
    await sql`alter table ${sql.table(table)} add column ${sql.ref(column)} ${type}`.execute(db)
  }
}

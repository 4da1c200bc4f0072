import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/**
 * Networks and scores; and of each event when it was applied, as what number of which customer's, so that a
 * profile can be made again as it was known at an instant.
 */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, real, json, blob } = types
  const end = types.dialect === 'sqlite' ? sql` strict, without rowid` : sql``
  for (const [column, type] of [
    ['applied_at', int],
    ['applied_order', int],
    ['applied_to', text],
  ] as const) {
    await sql`alter table events add column ${sql.ref(column)} ${type}`.execute(db)
  }
  await sql`create table networks (
    workspace ${text} not null, model_id ${text} not null, kind ${text} not null, state ${text} not null,
    request_json ${json} not null, progress_json ${json} not null, card_json ${json} not null,
    model_json ${json} not null, weights ${blob} not null,
    actor ${text} not null, created_at ${int} not null, updated_at ${int} not null,
    constraint networks_key primary key (workspace, model_id))${end}`.execute(db)
  await sql`create table scores (
    workspace ${text} not null, customer_id ${text} not null, score ${text} not null, value ${real} not null,
    model_id ${text} not null, scored_at ${int} not null,
    constraint scores_key primary key (workspace, customer_id, score))${end}`.execute(db)
  await sql`create index scores_scored on scores (workspace, scored_at)`.execute(db)
}

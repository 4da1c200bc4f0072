import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/**
 * Which timers and journeys went on when, and which event came before which within a millisecond: what time travel
 * needs and nothing else tells.
 */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, json } = types
  const end = types.dialect === 'sqlite' ? sql` strict, without rowid` : sql``
  await sql`create table timer_rounds (
    workspace ${text} not null, fired_at ${int} not null, tick ${int} not null, kind ${text} not null,
    subjects_json ${json} not null,
    constraint timer_rounds_key primary key (workspace, fired_at, tick, kind))${end}`.execute(db)
  await sql`alter table events add column applied_tick ${int}`.execute(db)
  // Of what happened before this the rounds are not known: from when on they are, by the injected clock.
  await sql`insert into system_settings (name, value)
    select 'timer-rounds-since:' || customers.workspace, cast(max(customers.updated_at) as text)
    from customers group by customers.workspace`.execute(db)
}

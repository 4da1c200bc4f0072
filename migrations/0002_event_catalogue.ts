import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** What is sent, by name: how often on each day, and with which properties. Derived from the events. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int } = types
  // SQLite keeps a table without rowid in its key's order: the list reads each name's days in one run.
  const end = types.dialect === 'sqlite' ? sql` strict, without rowid` : sql``
  await sql`create table event_counts (
    workspace ${text} not null, kind ${text} not null, name ${text} not null, day_utc ${int} not null,
    partition_number ${int} not null, events_count ${int} not null,
    first_occurred_at ${int} not null, last_occurred_at ${int} not null,
    constraint event_counts_key primary key (workspace, kind, name, day_utc, partition_number))${end}`.execute(
    db,
  )
  await sql`create table event_properties (
    workspace ${text} not null, kind ${text} not null, name ${text} not null, property ${text} not null,
    type ${text} not null, example ${text} not null, first_occurred_at ${int} not null,
    constraint event_properties_key primary key (workspace, kind, name, property, type))${end}`.execute(db)
  // Events that came before are counted here; their properties show with the next of each name.
  await sql`insert into event_counts
    select events.workspace, events.kind, events.name, events.day_utc, 0, count(*),
      min(events.occurred_at), max(events.occurred_at)
    from events where events.kind in ('track', 'identify', 'page', 'screen', 'group', 'alias')
    group by events.workspace, events.kind, events.name, events.day_utc`.execute(db)
}

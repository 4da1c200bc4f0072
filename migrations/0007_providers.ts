import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** How each sender finds its providers; messages that failed for good and wait for an operator; where a tap leads. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, json } = types
  const end = types.dialect === 'sqlite' ? sql` strict, without rowid` : sql``
  await sql`create table provider_states (
    owner ${text} not null, provider ${text} not null, channel ${text} not null, weight_milli ${int} not null,
    state ${text} not null, reason ${text} not null, retry_at ${int} not null, updated_at ${int} not null,
    constraint provider_states_key primary key (owner, provider))${end}`.execute(db)
  await sql`create table dead_letters (
    workspace ${text} not null, message_id ${text} not null, provider ${text} not null, reason ${text} not null,
    attempts ${int} not null, failed_at ${int} not null, state ${text} not null, actor ${text} not null,
    note ${text} not null, changed_at ${int} not null,
    constraint dead_letters_key primary key (workspace, message_id))${end}`.execute(db)
  // Those that wait, oldest first.
  await sql`create index dead_letters_open on dead_letters (workspace, state, failed_at, message_id)`.execute(
    db,
  )
  await sql`alter table outbox add column url ${text} not null default ''`.execute(db)
  await sql`alter table outbox add column data_json ${json} not null default '{}'`.execute(db)
}

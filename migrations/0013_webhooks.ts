import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/**
 * Other systems that are told what becomes of messages, and what each is to be told; the country of phone numbers
 * that name none.
 */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, json } = types
  const end = types.dialect === 'sqlite' ? sql` strict, without rowid` : sql``
  await sql`alter table workspaces add column country ${text}`.execute(db)
  await sql`create table webhooks (
    workspace ${text} not null, webhook_id ${text} not null, url ${text} not null, events_json ${json} not null,
    state ${text} not null, reason ${text} not null,
    secret ${text} not null, old_secret ${text} not null, old_until ${int} not null,
    failing_since ${int}, created_at ${int} not null,
    constraint webhooks_key primary key (workspace, webhook_id))${end}`.execute(db)
  await sql`create table webhook_deliveries (
    workspace ${text} not null, webhook_id ${text} not null, delivery_id ${text} not null,
    type ${text} not null, message_id ${text} not null, body ${text} not null,
    state ${text} not null, attempts ${int} not null, due_at ${int} not null,
    status ${int} not null, reason ${text} not null, created_at ${int} not null, ended_at ${int},
    constraint webhook_deliveries_key primary key (workspace, webhook_id, delivery_id))${end}`.execute(db)
  // What is due of one webhook, oldest first: one that does not answer holds up no other.
  await sql`create index webhook_deliveries_due on webhook_deliveries (workspace, webhook_id, state, due_at, created_at)`.execute(
    db,
  )
  await sql`create index webhook_deliveries_ended on webhook_deliveries (workspace, ended_at)`.execute(db)
  await sql`create index webhook_deliveries_listed on webhook_deliveries (workspace, webhook_id, created_at, delivery_id)`.execute(
    db,
  )
}

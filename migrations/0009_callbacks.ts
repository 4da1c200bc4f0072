import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/**
 * What providers tell of messages, how often they could not be believed or understood, and clicks that wait
 * until it is seen whether a scanner follows all links of a message.
 */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, json } = types
  const end = types.dialect === 'sqlite' ? sql` strict, without rowid` : sql``
  // With rowids: without them SQLite takes the key's first column and reads the whole workspace.
  const endWithRowids = types.dialect === 'sqlite' ? sql` strict` : sql``
  await sql`create table message_events (
    workspace ${text} not null, message_id ${text} not null, event_id ${text} not null, kind ${text} not null,
    campaign_id ${text} not null, channel ${text} not null, address ${text} not null, provider ${text} not null,
    reason ${text} not null, occurred_at ${int} not null, received_at ${int} not null,
    constraint message_events_key primary key (workspace, message_id, event_id))${endWithRowids}`.execute(db)
  // Soft bounces in a row of one address; rates of a campaign since an instant.
  await sql`create index message_events_address on message_events (workspace, address, occurred_at)`.execute(
    db,
  )
  await sql`create index message_events_kind on message_events (workspace, kind, occurred_at)`.execute(db)
  await sql`create table callback_receipts (
    workspace ${text} not null, event_id ${text} not null, received_at ${int} not null,
    constraint callback_receipts_key primary key (workspace, event_id))${endWithRowids}`.execute(db)
  await sql`create index callback_receipts_time on callback_receipts (workspace, received_at)`.execute(db)
  await sql`create table callback_counts (
    workspace ${text} not null, provider ${text} not null, day_utc ${int} not null, outcome ${text} not null,
    callbacks_count ${int} not null,
    constraint callback_counts_key primary key (workspace, provider, day_utc, outcome))${end}`.execute(db)
  await sql`create table held_clicks (
    workspace ${text} not null, customer_id ${text} not null, event_id ${text} not null,
    held_until ${int} not null, record_json ${json} not null,
    constraint held_clicks_key primary key (workspace, customer_id, event_id))${end}`.execute(db)
  await sql`create table warm_up_counts (
    workspace ${text} not null, sender_domain ${text} not null, recipient_domain ${text} not null,
    day_utc ${int} not null, sends_count ${int} not null,
    constraint warm_up_counts_key primary key (workspace, sender_domain, recipient_domain, day_utc))${end}`.execute(
    db,
  )
  // A campaign's sends since an instant: only what went out.
  await sql`create index messages_sent on messages (workspace, campaign_id, sending_at)
    where state = 'sent'`.execute(db)
  // Only of those that a provider has named, and of text messages: the rest of the ledger costs nothing more.
  await sql`create index attempts_provider on attempts (workspace, provider_message_id)
    where provider_message_id <> ''`.execute(db)
  await sql`create index messages_number on messages (workspace, address) where channel = 'sms'`.execute(db)
}

import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** Proof of every consent and of every withdrawal; and transactional messages are found before others. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int } = types
  // With rowids: without them SQLite takes the key's first column and reads the whole workspace for one customer.
  const end = types.dialect === 'sqlite' ? sql` strict` : sql``
  await sql`create table consent_records (
    workspace ${text} not null, record_id ${text} not null, customer_id ${text} not null,
    channel ${text} not null, topic ${text} not null, state ${text} not null,
    source ${text} not null, actor ${text} not null, message_id ${text} not null,
    ip ${text} not null, user_agent ${text} not null, text_version ${text} not null, recorded_at ${int} not null,
    constraint consent_records_key primary key (workspace, record_id))${end}`.execute(db)
  await sql`create index consent_records_customer on consent_records (workspace, customer_id, recorded_at)`.execute(
    db,
  )
  await sql`create index messages_transactional on messages (workspace, due_at) where transactional = 1 and state = 'queued'`.execute(
    db,
  )
}

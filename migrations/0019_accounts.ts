import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** Companies that customers belong to. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, json } = types
  const end = types.dialect === 'sqlite' ? sql` strict, without rowid` : sql``
  await sql`create table accounts (
    workspace ${text} not null, account_id ${text} not null, version ${int} not null, traits_json ${json} not null,
    traits_at ${int} not null, created_at ${int} not null, updated_at ${int} not null,
    constraint accounts_key primary key (workspace, account_id))${end}`.execute(db)
  await sql`create table account_members (
    workspace ${text} not null, account_id ${text} not null, customer_id ${text} not null, since ${int} not null,
    constraint account_members_key primary key (workspace, account_id, customer_id))${end}`.execute(db)
  await sql`create index account_members_customer on account_members (workspace, customer_id)`.execute(db)
}

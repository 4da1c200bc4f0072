import { hash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** Where a push reaches customers, and what they have in their in-app inbox. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, json } = types
  // With rowids: without them SQLite takes the key's first column and reads the whole workspace for one customer.
  const end = types.dialect === 'sqlite' ? sql` strict` : sql``
  await sql`create table endpoints (
    workspace ${text} not null, endpoint_id ${text} not null, customer_id ${text} not null,
    kind ${text} not null, address ${text} not null, source ${text} not null,
    created_at ${int} not null, seen_at ${int} not null, gone_at ${int}, gone_reason ${text} not null,
    constraint endpoints_key primary key (workspace, endpoint_id))${end}`.execute(db)
  await sql`create index endpoints_customer on endpoints (workspace, customer_id, seen_at)`.execute(db)

  await takeOverTokens(db)

  await sql`create table inbox (
    workspace ${text} not null, message_id ${text} not null, customer_id ${text} not null,
    sequence ${int} not null, title ${text} not null, html ${text} not null,
    text ${text} not null, url ${text} not null, data_json ${json} not null,
    created_at ${int} not null, expires_at ${int} not null,
    read_at ${int}, clicked_at ${int}, dismissed_at ${int},
    constraint inbox_key primary key (workspace, message_id))${end}`.execute(db)
  await sql`create index inbox_customer on inbox (workspace, customer_id, sequence)`.execute(db)
  await sql`create index inbox_expires on inbox (workspace, expires_at)`.execute(db)
}

/** Device tokens that profiles know from events become endpoints; of two customers the last one written has it. */
async function takeOverTokens(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ workspace: string; customer_id: string; token: string; at: number }>`
    select customers.workspace, customers.customer_id, customers.updated_at as at,
      customers.profile_json -> 'traits' ->> 'deviceToken' as token
    from customers
    where customers.merged_into is null and customers.profile_json -> 'traits' ->> 'deviceToken' is not null
    order by customers.updated_at`.execute(db)
  for (const { workspace, customer_id, token, at } of rows) {
    if (!/^\S{1,1024}$/.test(token)) continue
    const kind = /^([0-9a-f]{2}){32,100}$/i.test(token) ? 'apns' : 'fcm'
    const address = `${kind}:${kind === 'apns' ? token.toLowerCase() : token}`
    const id = hash('sha256', address, 'hex').slice(0, 32)
    await sql`insert into endpoints values
      (${workspace}, ${id}, ${customer_id}, ${kind}, ${address}, 'event', ${at}, ${at}, null, '')
      on conflict (workspace, endpoint_id) do update set
        customer_id = excluded.customer_id, seen_at = excluded.seen_at`.execute(db)
  }
}

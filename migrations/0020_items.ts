import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** Items that customers are shown, feeds that bring them, and the locale that a message was written in. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, json } = types
  const isSqlite = types.dialect === 'sqlite'
  const end = isSqlite ? sql` strict, without rowid` : sql``
  // Without rowids SQLite walks over all categories of the workspace instead of taking an index.
  const endWithRows = isSqlite ? sql` strict` : sql``
  await sql`alter table messages add column locale ${text} not null default ''`.execute(db)
  await sql`alter table workspaces add column locale ${text}`.execute(db)
  // An item may stand in several editions of its feed at once: the one that is read, one that is being written,
  // one that is being cleared away.
  await sql`create table items (
    workspace ${text} not null, item_id ${text} not null, edition ${text} not null, name ${text} not null,
    price_micros ${int}, currency ${text} not null, stock ${int}, image_url ${text} not null,
    link ${text} not null, valid_from ${int} not null, valid_until ${int}, rank ${int} not null,
    categories_json ${json} not null, attributes_json ${json} not null, updated_at ${int} not null,
    constraint items_key primary key (workspace, item_id, edition))${end}`.execute(db)
  await sql`create index items_edition on items (workspace, edition, item_id)`.execute(db)
  await sql`create table item_categories (
    workspace ${text} not null, category ${text} not null, edition ${text} not null, item_id ${text} not null,
    rank ${int} not null,
    constraint item_categories_key primary key (workspace, category, edition, item_id))${endWithRows}`.execute(
    db,
  )
  await sql`create index item_categories_rank
    on item_categories (workspace, category, edition, rank desc, item_id)`.execute(db)
  await sql`create index item_categories_item on item_categories (workspace, edition, item_id)`.execute(db)
  await sql`create table item_feeds (
    workspace ${text} not null, feed_id ${text} not null, url ${text} not null, secret ${text} not null,
    every_ms ${int} not null, state ${text} not null, edition ${text} not null, editions ${int} not null,
    etag ${text} not null, signed_at ${int} not null, items ${int} not null, next_at ${int} not null,
    lease_until ${int} not null, tried_at ${int} not null, taken_at ${int} not null, result ${text} not null,
    report_json ${json} not null, created_at ${int} not null,
    constraint item_feeds_key primary key (workspace, feed_id))${end}`.execute(db)
}

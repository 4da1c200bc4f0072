import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** Pools of single-use codes, and the code that a message holds. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int } = types
  const isSqlite = types.dialect === 'sqlite'
  const end = isSqlite ? sql` strict, without rowid` : sql``
  // Without rowids SQLite walks over all codes of the workspace instead of taking an index: 100 ms for a code.
  const endWithRows = isSqlite ? sql` strict` : sql``
  await sql`alter table messages add column coupon_code ${text} not null default ''`.execute(db)
  await sql`create table coupon_pools (
    workspace ${text} not null, pool_id ${text} not null, name ${text} not null, expires_at ${int} not null,
    hold_ms ${int} not null, redemptions_max ${int} not null, created_at ${int} not null,
    constraint coupon_pools_key primary key (workspace, pool_id))${end}`.execute(db)
  // A code is one in its workspace, whatever its pool: a redemption names nothing else.
  await sql`create table coupon_codes (
    workspace ${text} not null, code ${text} not null, pool_id ${text} not null, state ${text} not null,
    holder ${text} not null, customer_id ${text} not null, reserved_at ${int} not null,
    reserved_until ${int} not null, given_at ${int} not null, redeemed_at ${int} not null,
    constraint coupon_codes_key primary key (workspace, code))${endWithRows}`.execute(db)
  await sql`create index coupon_codes_state on coupon_codes (workspace, pool_id, state, code)`.execute(db)
  // Nobody holds two.
  await sql`create unique index coupon_codes_holder on coupon_codes (workspace, holder) where holder <> ''`.execute(
    db,
  )
  await sql`create index coupon_codes_customer on coupon_codes (workspace, customer_id) where customer_id <> ''`.execute(
    db,
  )
  await sql`create index coupon_codes_held on coupon_codes (workspace, reserved_until) where state = 'reserved'`.execute(
    db,
  )
}

import { type Kysely, sql } from 'kysely'
import { migration as foundation } from '#migrations/0001_foundation.ts'
import { migration as eventCatalogue } from '#migrations/0002_event_catalogue.ts'
import { migration as policyCandidates } from '#migrations/0003_policy_candidates.ts'
import { migration as placements } from '#migrations/0004_placements.ts'
import { migration as networks } from '#migrations/0006_networks.ts'
import { migration as providers } from '#migrations/0007_providers.ts'
import { migration as consent } from '#migrations/0008_consent.ts'
import { migration as callbacks } from '#migrations/0009_callbacks.ts'
import { migration as pushChannels } from '#migrations/0011_push_channels.ts'
import { migration as cadences } from '#migrations/0012_cadences.ts'
import { migration as webhooks } from '#migrations/0013_webhooks.ts'
import { migration as settling } from '#migrations/0016_settling.ts'
import { migration as coupons } from '#migrations/0017_coupons.ts'
import { migration as broadcasts } from '#migrations/0018_broadcasts.ts'
import { migration as accounts } from '#migrations/0019_accounts.ts'
import { migration as items } from '#migrations/0020_items.ts'
import { migration as timerRounds } from '#migrations/0021_timer_rounds.ts'
import { migration as forgetting } from '#migrations/0022_forgetting.ts'
import { migration as challengers } from '#migrations/0024_challengers.ts'
import { lockSchema } from './locks.ts'
import type { ColumnTypes, StoreMigration } from './migrations.ts'
import { makeMonthsReady } from './partitions.ts'
import type { SqliteConnection } from './sqlite-connection.ts'

/** In order. A list of imports and no scan of the folder: a compiled package has other paths. */
const migrations: { name: string; migration: StoreMigration }[] = [
  { name: '0001_foundation', migration: foundation },
  { name: '0002_event_catalogue', migration: eventCatalogue },
  { name: '0003_policy_candidates', migration: policyCandidates },
  { name: '0004_placements', migration: placements },
  { name: '0006_networks', migration: networks },
  { name: '0007_providers', migration: providers },
  { name: '0008_consent', migration: consent },
  { name: '0009_callbacks', migration: callbacks },
  { name: '0011_push_channels', migration: pushChannels },
  { name: '0012_cadences', migration: cadences },
  { name: '0013_webhooks', migration: webhooks },
  { name: '0016_settling', migration: settling },
  { name: '0017_coupons', migration: coupons },
  { name: '0018_broadcasts', migration: broadcasts },
  { name: '0019_accounts', migration: accounts },
  { name: '0020_items', migration: items },
  { name: '0021_timer_rounds', migration: timerRounds },
  { name: '0022_forgetting', migration: forgetting },
  { name: '0024_challengers', migration: challengers },
]

/** Brings a store's file to this version, in one transaction. Throws one line when it is of a newer one. */
export async function migrateSqlite(
  connection: SqliteConnection,
  file: string,
  now: () => number,
): Promise<void> {
  const { database } = connection
  const kysely = connection.kysely as unknown as Kysely<unknown>
  const marked = database.prepare(`select 1 from sqlite_schema where name = 'store_migrations'`).get()
  if (marked !== undefined && (await missing(kysely, file)).length === 0) return
  database.exec('begin immediate')
  try {
    await migrate(kysely, sqliteTypes, file, now)
    database.exec('commit')
  } catch (error) {
    if (database.isTransaction) database.exec('rollback')
    throw error
  }
}

/** The same on PostgreSQL, where an advisory lock keeps a second process out until this one is done. */
export async function migratePostgres(
  kysely: Kysely<unknown>,
  name: string,
  now: () => number,
): Promise<void> {
  await kysely.transaction().execute(async (tx) => {
    await lockSchema(tx)
    await migrate(tx, postgresTypes, name, now)
    await makeMonthsReady(tx, now())
  })
}

async function migrate(
  db: Kysely<unknown>,
  types: ColumnTypes,
  store: string,
  now: () => number,
): Promise<void> {
  await sql`create table if not exists store_migrations (
    name ${types.text} not null primary key, applied_at ${types.int} not null)`.execute(db)
  for (const { name, migration } of await missing(db, store)) {
    await migration.up(db, types)
    await sql`insert into store_migrations (name, applied_at) values (${name}, ${now()})`.execute(db)
  }
}

async function missing(db: Kysely<unknown>, store: string): Promise<typeof migrations> {
  const { rows } = await sql<{ name: string }>`
    select store_migrations.name from store_migrations order by store_migrations.name`.execute(db)
  const applied = new Set(rows.map((row) => row.name))
  const known = new Set(migrations.map(({ name }) => name))
  const unknown = [...applied].filter((name) => !known.has(name))
  if (unknown.length > 0) {
    throw new Error(
      `${store} was written by a newer version of Starling (it has ${unknown.join(', ')}). Run that version, or restore a backup.`,
    )
  }
  return migrations.filter(({ name }) => !applied.has(name))
}

const sqliteTypes: ColumnTypes = {
  dialect: 'sqlite',
  text: sql`text`,
  int: sql`integer`,
  real: sql`real`,
  json: sql`text`,
  blob: sql`blob`,
  autoIncrement: sql`integer`,
}

const postgresTypes: ColumnTypes = {
  dialect: 'postgres',
  text: sql`text collate "C"`,
  int: sql`bigint`,
  real: sql`double precision`,
  json: sql`jsonb`,
  blob: sql`bytea`,
  autoIncrement: sql`bigint generated by default as identity`,
}

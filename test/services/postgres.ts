import { randomBytes } from 'node:crypto'
import { Client } from 'pg'

/** A language's order, so that text sorts by code point only where a column says so. */
export const locale = `template template0 locale_provider icu icu_locale 'en-US' encoding 'UTF8'`

export interface TestDatabase {
  name: string
  url: string
  drop(): Promise<void>
}

/** A new database; `options` are those of `create database`. */
export async function createDatabase(options = locale): Promise<TestDatabase> {
  const name = `starling_test_${randomBytes(8).toString('hex')}`
  await run(server(), `create database ${name} ${options}`)
  return { name, url: urlOf(name), drop: () => run(server(), `drop database ${name} with (force)`) }
}

/** The database that was migrated before the tests of the rooms began. */
function storeTemplate(): string {
  return process.env.STARLING_TEST_STORE_TEMPLATE ?? missing('STARLING_TEST_STORE_TEMPLATE')
}

/** Drops the template and every database that was copied from it. */
export async function dropTestDatabases(template: string): Promise<void> {
  const copies = await query(
    server(),
    `select datname as name from pg_database where datname like '${copyPrefix(template)}%'`,
  )
  for (const { name } of copies) await run(server(), `drop database if exists ${name} with (force)`)
  await run(server(), `drop database ${template} with (force)`)
}

/** A copy of the template, dropped with it. */
export async function copyTemplate(): Promise<string> {
  const template = storeTemplate()
  const name = `${copyPrefix(template)}${randomBytes(4).toString('hex')}`
  await run(server(), `create database ${name} template ${template}`)
  return urlOf(name)
}

function copyPrefix(template: string): string {
  return `${template}_copy_`
}

/** Takes all rows away, and begins numbers again. */
export async function cleanDatabase(url: string): Promise<void> {
  await run(
    url,
    `do $$ declare name text; begin
      for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'store_migrations' loop
        execute format('delete from %I', name);
      end loop;
      for name in select sequencename from pg_sequences where schemaname = 'public' loop
        execute format('alter sequence %I restart', name);
      end loop;
    end $$`,
  )
}

export async function run(url: string, text: string): Promise<void> {
  await query(url, text)
}

export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** The server's URL with another database. */
export function urlOf(database: string): string {
  const url = new URL(server())
  url.pathname = `/${database}`
  return url.href
}

function server(): string {
  return process.env.STARLING_TEST_POSTGRES_URL ?? missing('STARLING_TEST_POSTGRES_URL')
}

/** Fails where a skipped test would pass for a good one. */
function missing(variable: string): never {
  throw new Error(`${variable} is missing: the URL of a PostgreSQL where this may create databases`)
}

/** How many connections to the database wait for what another one has locked. */
export async function watchBlocked(url: string): Promise<{ count(): Promise<number>; end(): Promise<void> }> {
  const client = new Client({ connectionString: url })
  await client.connect()
  // As the lock manager has it: the view of activities shows a wait for a while after it has ended. It lists all
  // databases' locks, and those on transactions name none.
  const text = `select count(distinct pg_locks.pid)::int as n from pg_locks
    join pg_stat_activity as own on own.pid = pg_locks.pid and own.datname = current_database()
    where not pg_locks.granted`
  return {
    count: async () => (await client.query<{ n: number }>(text)).rows[0]!.n,
    end: () => client.end(),
  }
}

import { randomBytes } from 'node:crypto'
import { Client } from 'pg'

const server = process.env.STARLING_TEST_POSTGRES_URL ?? missing()

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
  await run(server, `create database ${name} ${options}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { name, url: url.href, drop: () => run(server, `drop database ${name} with (force)`) }
}

export async function run(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

/** Fails where a skipped test would pass for a good one. */
function missing(): never {
  throw new Error(
    'STARLING_TEST_POSTGRES_URL is missing: the URL of a PostgreSQL where this may create databases',
  )
}

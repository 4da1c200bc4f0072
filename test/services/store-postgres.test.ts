import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '#platform/store/open-store.ts'
import { storeContract } from '../contract/store-contract.ts'

const server = process.env.STARLING_TEST_POSTGRES_URL
if (server === undefined) {
  throw new Error(
    'STARLING_TEST_POSTGRES_URL is missing: the URL of a PostgreSQL where this may create databases',
  )
}

/** A language's order, so that text sorts by code point only where a column says so. */
const locale = `template template0 locale_provider icu icu_locale 'en-US' encoding 'UTF8'`
const template = `starling_test_${randomBytes(4).toString('hex')}`

beforeAll(async () => {
  await run(server, `create database ${template} ${locale}`)
  const store = await openStore({ url: urlOf(template) })
  await store.close()
})

afterAll(() => run(server, `drop database ${template} with (force)`))

storeContract('PostgreSQL', async () => {
  const name = `starling_test_${randomBytes(8).toString('hex')}`
  await run(server, `create database ${name} template ${template} locale_provider icu icu_locale 'en-US'`)
  const store = await openStore({ url: urlOf(name) })
  return {
    store,
    openAgain: () => openStore({ url: urlOf(name) }),
    raw: (text) => run(urlOf(name), text),
    async dispose() {
      await store.close()
      await run(server, `drop database ${name} with (force)`)
    },
  }
})

describe('PostgreSQL migrations', () => {
  it('run once when several processes open an empty database at the same time', async () => {
    const name = `starling_test_${randomBytes(8).toString('hex')}`
    await run(server, `create database ${name} ${locale}`)
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore({ url: urlOf(name) })))
    expect(await stores[0]!.read.system.selectFrom('workspaces').selectAll().execute()).toEqual([])
    await Promise.all(stores.map((store) => store.close()))
    await run(server, `drop database ${name} with (force)`)
  })
})

function urlOf(database: string): string {
  const url = new URL(server!)
  url.pathname = `/${database}`
  return url.href
}

async function run(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '#platform/store/open-store.ts'
import { storeContract } from '../contract/store-contract.ts'
import { createDatabase, run, type TestDatabase } from './postgres.ts'

let template: TestDatabase

beforeAll(async () => {
  template = await createDatabase()
  const store = await openStore({ url: template.url })
  await store.close()
})

afterAll(() => template.drop())

storeContract('PostgreSQL', async () => {
  const { url, drop } = await createDatabase(
    `template ${template.name} locale_provider icu icu_locale 'en-US'`,
  )
  const store = await openStore({ url })
  return {
    store,
    openAgain: () => openStore({ url }),
    raw: (text) => run(url, text),
    async dispose() {
      await store.close()
      await drop()
    },
  }
})

describe('PostgreSQL migrations', () => {
  it('run once when several processes open an empty database at the same time', async () => {
    const { url, drop } = await createDatabase()
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore({ url })))
    expect(await stores[0]!.read.system.selectFrom('workspaces').selectAll().execute()).toEqual([])
    await Promise.all(stores.map((store) => store.close()))
    await drop()
  })
})

import { openStore } from '#platform/store/open-store.ts'
import { createDatabase, dropTestDatabases } from './postgres.ts'

/** Migrates one database, which the tests of the rooms copy; drops what they leave. */
export default async function prepareTemplate(): Promise<() => Promise<void>> {
  const { name, url } = await createDatabase()
  await (await openStore({ url })).close()
  process.env.STARLING_TEST_STORE_TEMPLATE = name
  return () => dropTestDatabases(name)
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openStore, type StoreLocation } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import { cleanDatabase, copyTemplate, run } from '../services/postgres.ts'

/**
 * Where a test keeps its rows: a file in its folder; with STARLING_TEST_STORE=postgres a database of its own,
 * the same one however often it is asked for the same folder. `npm run test:services` runs the tests of the
 * rooms a second time that way.
 */
export async function storeLocation(folder: string): Promise<StoreLocation> {
  if (process.env.STARLING_TEST_STORE !== 'postgres') return { file: join(folder, 'store.db') }
  const known = databases.get(folder)
  if (known !== undefined) return { url: known }
  const url = (await cleanedDatabase()) ?? (await copyTemplate())
  databases.set(folder, url)
  return { url }
}

export async function openTestStore(folder: string): Promise<Store> {
  return openStore(await storeLocation(folder))
}

/** Runs SQL that both dialects know beside the store of this folder. */
export async function runBeside(folder: string, text: string): Promise<void> {
  const { file, url } = await storeLocation(folder)
  if (url !== undefined) return run(url, text)
  const database = new DatabaseSync(file!)
  try {
    database.exec(text)
  } finally {
    database.close()
  }
}

const databases = new Map<string, string>()

/** The database of a test that has removed its folder, emptied: half a second less than a new one. */
async function cleanedDatabase(): Promise<string | undefined> {
  for (const [folder, url] of databases) {
    if (existsSync(folder)) continue
    databases.delete(folder)
    await cleanDatabase(url)
    return url
  }
  return undefined
}

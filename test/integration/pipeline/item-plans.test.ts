import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openStore } from '#platform/store/open-store.ts'
import {
  availableOfCategory,
  deleteItems,
  hasItems,
  insertEdition,
  itemsElsewhere,
  loadItems,
  saveItems,
} from '../../../src/items/item-rows.ts'
import { teaItem } from '../../support/tea-item.ts'
import { collectStatements, wideReads } from './query-plans.ts'

test('items are found by what is asked, never by walking over the catalogue', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-item-plans-'))
  const file = join(folder, 'store.db')
  const store = await openStore({ file })
  const collector = collectStatements()
  await store.transaction(async (tx) => {
    const db = tx.workspace('main')
    await saveItems(db, [teaItem('a'), teaItem('b'), teaItem('c')], 0)
    await saveItems(db, [teaItem('a')], 1)
    await insertEdition(db, 'shop@1', [teaItem('d')], 2)
    expect([...(await loadItems(db, ['a', 'b', 'd'])).keys()].sort()).toEqual(['a', 'b'])
    expect((await loadItems(db, ['c'])).size).toBe(1)
    expect(await itemsElsewhere(db, ['a', 'd'], 'shop@1')).toEqual(['a'])
    expect((await availableOfCategory(db, 'Tea', { now: 5, limit: 2 })).map(({ id }) => id)).toEqual([
      'a',
      'b',
    ])
    expect(await deleteItems(db, ['a', 'd'])).toBe(1)
  })
  const byId = collector.stop().filter((text) => /\b(items|item_categories)\b/.test(text))
  const another = collectStatements()
  expect(await hasItems(store.read.workspace('main'))).toBe(true)
  another.stop()
  await store.close()
  expect(byId.length).toBeGreaterThan(6)
  const database = new DatabaseSync(file)
  const wide = byId.flatMap((text) => wideReads(database, text).map((detail) => `${detail} | ${text}`))
  database.close()
  rmSync(folder, { recursive: true })
  expect(wide).toEqual([])
})

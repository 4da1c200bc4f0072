import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { insertEdition, loadItems, saveItems } from '../../../src/items/item-rows.ts'
import { copyItems } from '../../../src/pipeline/rehearsal/copy-items.ts'
import { teaItem } from '../../support/tea-item.ts'
import { openTestStore } from '../../support/test-store.ts'

test('a rehearsal has the shop’s items, page after page, and none of an edition that nobody reads', async () => {
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'starling-copy-items-')))
  const [live, scratch] = await Promise.all(folders.map(openTestStore))
  const ids = Array.from({ length: 1500 }, (_, i) => `i${i}`)
  await live!.transaction(async (tx) => {
    await saveItems(tx.workspace('main'), ids.map(teaItem), 0)
    await insertEdition(tx.workspace('main'), 'shop@1', [teaItem('half-written')], 0)
  })
  expect(await copyItems(live!, scratch!, 'main', 0)).toBe(1500)
  const found = await loadItems(scratch!.read.workspace('main'), [...ids, 'half-written'])
  expect(found.size).toBe(1500)
  expect(found.get('i1499')).toEqual(teaItem('i1499'))
  await Promise.all([live!.close(), scratch!.close()])
  for (const folder of folders) rmSync(folder, { recursive: true })
})

import type { Clock } from '#contracts/clock.ts'
import type { Item, ItemPatch } from '#contracts/item.ts'
import { deleteItems, loadItems, saveItems } from '../items/item-rows.ts'
import { type FieldFault, patched, readItem } from '../items/read-item.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'

export interface ItemParts extends Pick<ChangeParts, 'store' | 'clock'> {
  wallClock: Clock
}

/** `at`: its place in what was given. */
export type RefusedItem = FieldFault & { at: number }

/** Writes items as they are given; all or, where one of them is wrong, none. */
export async function saveWholeItems(
  { store, clock, wallClock }: ItemParts,
  change: Change & { bodies: readonly unknown[] },
): Promise<{ saved: Item[]; refused: RefusedItem[] }> {
  const items: Item[] = []
  const refused: RefusedItem[] = []
  for (const [at, body] of change.bodies.entries()) {
    const read = readItem(body)
    if ('detail' in read) refused.push({ ...read, at })
    else items.push(read)
  }
  if (refused.length > 0) return { saved: [], refused }
  await store.transaction(async (tx) => {
    await saveItems(tx.workspace(change.workspace), items, wallClock.now())
    await audit(tx, change, clock.now(), 'items.save', '', '', { items: items.length })
  })
  return { saved: items, refused }
}

/** Changes some fields of items, makes those that are new; each by itself, those that are wrong are left out. */
export async function saveItemPatches(
  { store, clock, wallClock }: ItemParts,
  change: Change & { patches: readonly { id: string; patch: ItemPatch }[]; onlyKnown?: boolean },
): Promise<{ saved: Item[]; refused: RefusedItem[] }> {
  return store.transaction(async (tx) => {
    const db = tx.workspace(change.workspace)
    // From the look at what is there to what is written nobody else changes items.
    await db.lock('items')
    const known = await loadItems(
      db,
      change.patches.map(({ id }) => id),
    )
    const refused: RefusedItem[] = []
    const saved = new Map<string, Item>()
    for (const [at, { id, patch }] of change.patches.entries()) {
      const before = saved.get(id) ?? known.get(id)
      if (before === undefined && change.onlyKnown === true) continue
      const item = patched(id, before, patch)
      if ('detail' in item) refused.push({ ...item, at })
      else saved.set(id, item)
    }
    const items = [...saved.values()]
    await saveItems(db, items, wallClock.now())
    if (items.length > 0)
      await audit(tx, change, clock.now(), 'items.change', '', '', { items: items.length })
    return { saved: items, refused }
  })
}

/** Resolves to whether there was one. */
export async function removeItem(
  { store, clock }: ItemParts,
  change: Change & { itemId: string },
): Promise<boolean> {
  return store.transaction(async (tx) => {
    const deleted = await deleteItems(tx.workspace(change.workspace), [change.itemId])
    if (deleted > 0) await audit(tx, change, clock.now(), 'items.delete', change.itemId)
    return deleted > 0
  })
}

import type { Store } from '#platform/store/store.ts'
import { listItems, saveItems } from '../../items/item-rows.ts'

const itemsPerStep = 1000

/** Items as the shop has them now, whatever brought them: what it had then nobody has kept. */
export async function copyItems(
  live: Store,
  scratch: Store,
  workspace: string,
  now: number,
): Promise<number> {
  let copied = 0
  for (let after = ''; ; ) {
    const items = await listItems(live.read.workspace(workspace), { after, limit: itemsPerStep })
    await scratch.transaction((tx) => saveItems(tx.workspace(workspace), items, now))
    copied += items.length
    const last = items.at(-1)
    if (last === undefined || items.length < itemsPerStep) return copied
    after = last.id
  }
}

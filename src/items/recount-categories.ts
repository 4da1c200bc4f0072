import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { deleteCategories, insertCategories } from './item-rows.ts'

type CategoryRow = RowOf<'item_categories'>

export interface WrongCategories {
  itemId: string
  edition: string
  /** As `item_categories` has them and as the item has them; null where there is no such item. */
  kept: string[]
  counted: string[] | null
}

export interface CategoryPage {
  items: number
  wrong: WrongCategories[]
  /** Where the next page begins; null after the last. */
  after: { itemId: string; edition: string } | null
}

/** One page of items, in order, whose categories are not those they are found by. */
export async function compareCategories(
  db: WorkspaceDb,
  after: { itemId: string; edition: string },
  limit: number,
): Promise<CategoryPage> {
  const items = await db
    .selectFrom('items')
    .select(['items.item_id', 'items.edition', 'items.categories_json', 'items.rank'])
    .where((eb) =>
      eb.or([
        eb('items.item_id', '>', after.itemId),
        eb.and([eb('items.item_id', '=', after.itemId), eb('items.edition', '>', after.edition)]),
      ]),
    )
    .orderBy('items.item_id')
    .orderBy('items.edition')
    .limit(limit)
    .execute()
  const kept: CategoryRow[] = []
  for (const [edition, own] of Map.groupBy(items, (row) => row.edition)) {
    const ids = own.map((row) => row.item_id)
    kept.push(
      ...(await db
        .selectByKeys('item_categories', 'item_id', ids)
        .selectAll('item_categories')
        .where('item_categories.edition', '=', edition)
        .execute()),
    )
  }
  const byItem = Map.groupBy(kept, (row) => keyOf(row))
  const wrong = items.flatMap((row) => {
    const is = (byItem.get(keyOf(row)) ?? []).map(({ category, rank }) => said(category, rank)).sort()
    const ought = (JSON.parse(row.categories_json) as string[])
      .map((category) => said(category, row.rank))
      .sort()
    const isSame = JSON.stringify(is) === JSON.stringify(ought)
    return isSame ? [] : [{ itemId: row.item_id, edition: row.edition, kept: is, counted: ought }]
  })
  const last = items.length < limit ? undefined : items.at(-1)
  const next = last === undefined ? null : { itemId: last.item_id, edition: last.edition }
  return { items: items.length, wrong, after: next }
}

/** Categories by which an item is found that is no more. */
export async function strayCategories(db: WorkspaceDb, limit: number): Promise<WrongCategories[]> {
  const rows = await db
    .selectFrom('item_categories')
    .leftJoin('items', (join) =>
      join
        .onRef('items.workspace', '=', 'item_categories.workspace')
        .onRef('items.item_id', '=', 'item_categories.item_id')
        .onRef('items.edition', '=', 'item_categories.edition'),
    )
    .select(['item_categories.item_id', 'item_categories.edition', 'item_categories.category'])
    .select('item_categories.rank')
    .where('items.item_id', 'is', null)
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    itemId: row.item_id,
    edition: row.edition,
    kept: [said(row.category, row.rank)],
    counted: null,
  }))
}

/** Makes the categories of items those that the items have. */
export async function mendCategories(db: WorkspaceDb, wrong: readonly WrongCategories[]): Promise<void> {
  for (const { itemId, edition } of wrong) {
    await deleteCategories(db, edition, [itemId])
    const item = await db
      .selectFrom('items')
      .select(['items.categories_json', 'items.rank'])
      .where('items.item_id', '=', itemId)
      .where('items.edition', '=', edition)
      .executeTakeFirst()
    if (item === undefined) continue
    const categories = JSON.parse(item.categories_json) as string[]
    await insertCategories(db, edition, [{ id: itemId, rank: item.rank, categories }])
  }
}

function keyOf({ item_id, edition }: { item_id: string; edition: string }): string {
  return `${edition}\u0000${item_id}`
}

function said(category: string, rank: number): string {
  return `${category} (${rank})`
}

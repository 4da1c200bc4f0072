import type { InstantMs } from '#contracts/clock.ts'
import type { Item } from '#contracts/item.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** Of what the API and imports bring. */
export const ownEdition = ''

/** The editions that are read: our own, and the present one of each feed. */
export async function presentEditions(db: WorkspaceDb): Promise<string[]> {
  const feeds = await db.recurring(feedEditions, {})
  return [ownEdition, ...feeds.map(({ edition }) => edition).filter((edition) => edition !== '')]
}

const feedEditions: RecurringQuery<Record<never, never>, Pick<RowOf<'item_feeds'>, 'edition'>> = {
  like: {},
  build: (db) => db.selectFrom('item_feeds').select('item_feeds.edition'),
}

/** Those of the items that there are, by id. */
export async function loadItems(db: WorkspaceDb, itemIds: readonly string[]): Promise<Map<string, Item>> {
  return new Map([...(await loadPlaced(db, itemIds))].map(([id, { item }]) => [id, item]))
}

/** Those of the ids that stand in another present edition than this one. */
export async function itemsElsewhere(
  db: WorkspaceDb,
  itemIds: readonly string[],
  edition: string,
): Promise<string[]> {
  const placed = await loadPlaced(db, itemIds)
  return [...placed].filter(([, own]) => own.edition !== edition).map(([id]) => id)
}

/** With the edition that each stands in. */
async function loadPlaced(
  db: WorkspaceDb,
  itemIds: readonly string[],
): Promise<Map<string, { item: Item; edition: string }>> {
  if (itemIds.length === 0) return new Map()
  const present = await presentEditions(db)
  const rows = await db.recurring(rowsOfItems, { itemIds })
  const placed = new Map<string, { item: Item; edition: string }>()
  for (const edition of present) {
    for (const row of rows) {
      // An id is one in its workspace: where two came by it at once, ours goes first.
      if (row.edition === edition && !placed.has(row.item_id))
        placed.set(row.item_id, { item: itemOf(row), edition })
    }
  }
  return placed
}

const rowsOfItems: RecurringQuery<{ itemIds: readonly string[] }, RowOf<'items'>> = {
  like: { itemIds: 'keys' },
  build: (db, { itemIds }) => db.selectByKeys('items', 'item_id', itemIds).selectAll('items'),
}

/** Whether there is any item at all: without a catalogue nothing is sold out. */
export async function hasItems(db: WorkspaceDb): Promise<boolean> {
  for (const edition of await presentEditions(db)) {
    if ((await db.recurring(anyOfEdition, { edition })).length > 0) return true
  }
  return false
}

const anyOfEdition: RecurringQuery<{ edition: string }, Pick<RowOf<'items'>, 'item_id'>> = {
  like: { edition: 'text' },
  build: (db, { edition }) =>
    db.selectFrom('items').select('items.item_id').where('items.edition', '=', edition).limit(1),
}

/**
 * Writes items where they stand: one that a feed brought stays in its edition, until the feed's next one says
 * otherwise. Claims that ask for stock are waited for: no send begins afterwards by what was true before.
 */
export async function saveItems(db: WorkspaceDb, items: readonly Item[], now: InstantMs): Promise<void> {
  if (items.length === 0) return
  await db.lock('items')
  const placed = await loadPlaced(
    db,
    items.map(({ id }) => id),
  )
  const byEdition = Map.groupBy(items, ({ id }) => placed.get(id)?.edition ?? ownEdition)
  for (const [edition, own] of byEdition) {
    await deleteCategories(
      db,
      edition,
      own.map(({ id }) => id),
    )
    await insertEdition(db, edition, own, now)
  }
}

/** Writes items into an edition; of one id the last counts. */
export async function insertEdition(
  db: WorkspaceDb,
  edition: string,
  items: readonly Item[],
  now: InstantMs,
): Promise<void> {
  const last = [...new Map(items.map((item) => [item.id, item])).values()]
  await db.bulkInsert(
    'items',
    last.map((item) => rowOf(item, edition, now)),
    { key: ['workspace', 'item_id', 'edition'], update: [...ownColumns] },
  )
  await insertCategories(db, edition, last)
}

export async function insertCategories(
  db: WorkspaceDb,
  edition: string,
  items: readonly Pick<Item, 'id' | 'rank' | 'categories'>[],
): Promise<void> {
  const rows = items.flatMap(({ id, rank, categories }) =>
    categories.map((category) => ({ category, edition, item_id: id, rank })),
  )
  if (rows.length > 0) await db.bulkInsert('item_categories', rows, 'ignore')
}

/** Resolves to how many there were. */
export async function deleteItems(db: WorkspaceDb, itemIds: readonly string[]): Promise<number> {
  await db.lock('items')
  const placed = await loadPlaced(db, itemIds)
  for (const [edition, own] of Map.groupBy(placed, ([, { edition }]) => edition)) {
    await deleteOfEdition(
      db,
      edition,
      own.map(([id]) => id),
    )
  }
  return placed.size
}

/** By id, after the one where the last page ended. */
export async function listItems(
  db: WorkspaceDb,
  { after, limit }: { after: string; limit: number },
): Promise<Item[]> {
  const rows = await db
    .selectFrom('items')
    .selectAll('items')
    .where('items.edition', 'in', await presentEditions(db))
    .where('items.item_id', '>', after)
    .orderBy('items.item_id')
    .orderBy('items.edition')
    .limit(limit)
    .execute()
  return rows.map(itemOf)
}

/**
 * Items of a category that can be had, the ones of the highest rank first.
 */
export async function availableOfCategory(
  db: WorkspaceDb,
  category: string,
  { now, limit }: { now: InstantMs; limit: number },
): Promise<Item[]> {
  const found: Item[] = []
  for (const edition of await presentEditions(db)) {
    const rows = await db.recurring(availableOf, { category, edition, now, limit })
    found.push(...rows.map(itemOf))
  }
  return found.toSorted((a, b) => b.rank - a.rank || (a.id < b.id ? -1 : 1)).slice(0, limit)
}

const availableOf: RecurringQuery<
  { category: string; edition: string; now: number; limit: number },
  RowOf<'items'>
> = {
  like: { category: 'text', edition: 'text', now: 'number', limit: 'number' },
  build: (db, { category, edition, now, limit }) =>
    db
      .selectFrom('item_categories')
      .innerJoin('items', (join) =>
        join
          .onRef('items.workspace', '=', 'item_categories.workspace')
          .onRef('items.item_id', '=', 'item_categories.item_id')
          .onRef('items.edition', '=', 'item_categories.edition'),
      )
      .selectAll('items')
      .where('item_categories.category', '=', category)
      .where('item_categories.edition', '=', edition)
      .where((eb) => eb.or([eb('items.stock', 'is', null), eb('items.stock', '>', 0)]))
      .where('items.valid_from', '<=', now)
      .where((eb) => eb.or([eb('items.valid_until', 'is', null), eb('items.valid_until', '>', now)]))
      .orderBy('item_categories.rank', 'desc')
      .orderBy('item_categories.item_id')
      .limit(limit),
}

/** Deletes up to `limit` items of editions that nobody reads; call it again while there are any. */
export async function clearAway(db: WorkspaceDb, edition: string, limit: number): Promise<number> {
  const old = await db
    .selectFrom('items')
    .select('items.item_id')
    .where('items.edition', '=', edition)
    .orderBy('items.item_id')
    .limit(limit)
    .execute()
  const ids = old.map((row) => row.item_id)
  if (ids.length === 0) return 0
  await deleteOfEdition(db, edition, ids)
  return ids.length
}

async function deleteOfEdition(db: WorkspaceDb, edition: string, itemIds: readonly string[]): Promise<void> {
  await deleteCategories(db, edition, itemIds)
  await db
    .deleteFrom('items')
    .where('items.edition', '=', edition)
    .where('items.item_id', 'in', [...itemIds])
    .execute()
}

export async function deleteCategories(
  db: WorkspaceDb,
  edition: string,
  itemIds: readonly string[],
): Promise<void> {
  if (itemIds.length === 0) return
  await db
    .deleteFrom('item_categories')
    .where('item_categories.edition', '=', edition)
    .where('item_categories.item_id', 'in', [...itemIds])
    .execute()
}

const ownColumns = [
  'name',
  'price_micros',
  'currency',
  'stock',
  'image_url',
  'link',
  'valid_from',
  'valid_until',
  'rank',
  'categories_json',
  'attributes_json',
  'updated_at',
] as const

function rowOf(item: Item, edition: string, now: InstantMs): WorkspaceRowOf<'items'> {
  return {
    item_id: item.id,
    edition,
    name: item.name,
    price_micros: item.priceMicros,
    currency: item.currency,
    stock: item.stock,
    image_url: item.imageUrl,
    link: item.link,
    valid_from: item.validFrom,
    valid_until: item.validUntil,
    rank: item.rank,
    categories_json: JSON.stringify(item.categories),
    attributes_json: JSON.stringify(item.attributes),
    updated_at: now,
  }
}

function itemOf(row: RowOf<'items'>): Item {
  return {
    id: row.item_id,
    name: row.name,
    priceMicros: row.price_micros,
    currency: row.currency,
    stock: row.stock,
    imageUrl: row.image_url,
    link: row.link,
    categories: JSON.parse(row.categories_json) as string[],
    validFrom: row.valid_from,
    validUntil: row.valid_until,
    rank: row.rank,
    attributes: JSON.parse(row.attributes_json) as Item['attributes'],
  }
}

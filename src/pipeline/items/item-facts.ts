import type { ItemList, Offer } from '#contracts/campaign.ts'
import { type StockFacts, stockKey } from '#contracts/guardrail.ts'
import { type Item, type Unavailable, unavailable } from '#contracts/item.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { ProductInterest, Profile } from '#contracts/profile.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { itemWords } from '../../creative/item-words.ts'
import { availableOfCategory, hasItems, loadItems } from '../../items/item-rows.ts'
import { latestFirst } from '../../profile/product-interest.ts'
import { type AskedItems, type ItemNeeds, itemIdIn, likedCategories } from './item-needs.ts'

/** What the catalogue says of what was asked. */
export interface ItemFacts {
  items: ReadonlyMap<string, Item>
  /** Items that can be had, the highest rank first; empty where there are none. */
  byCategory: ReadonlyMap<string, readonly Item[]>
  /** Without any item nothing is missing: the shop has no catalogue here. */
  hasCatalogue: boolean
  now: number
}

/** Of a category at most: some of them the customer has in the cart already. */
const perCategoryMax = 24
const listItemsMax = 12

export async function loadItemFacts(
  db: WorkspaceDb,
  { itemIds, categories }: AskedItems,
  now: number,
): Promise<ItemFacts> {
  const items = await loadItems(db, [...itemIds])
  const byCategory = new Map<string, Item[]>()
  for (const category of categories) {
    byCategory.set(category, await availableOfCategory(db, category, { now, limit: perCategoryMax }))
  }
  const found = items.size > 0 || [...byCategory.values()].some((own) => own.length > 0)
  return { items, byCategory, hasCatalogue: found || (await hasItems(db)), now }
}

/** What offers are about and cannot be had, for one trigger; undefined where all can. */
export function stockFacts(
  facts: ItemFacts,
  needs: Pick<ItemNeeds, 'itemIds' | 'categories' | 'properties'>,
  properties: JsonObject | undefined,
): StockFacts | undefined {
  if (!facts.hasCatalogue) return undefined
  const missing = new Map<string, { item: string; reason: Unavailable }>()
  const look = (key: string, id: string): void => {
    const reason = unavailable(facts.items.get(id), facts.now)
    if (reason !== null) missing.set(key, { item: id, reason })
  }
  for (const id of needs.itemIds) look(stockKey({ id }), id)
  for (const property of needs.properties) {
    const id = itemIdIn(properties, property)
    if (id !== null) look(stockKey({ property }), id)
  }
  for (const category of needs.categories) {
    if ((facts.byCategory.get(category)?.length ?? 0) > 0) continue
    missing.set(stockKey({ category }), { item: category, reason: 'sold_out' })
  }
  return missing.size === 0 ? undefined : missing
}

/** The item that an offer is about; of a category the first that can be had. */
export function itemOfOffer(
  facts: ItemFacts,
  { item }: Offer,
  properties: JsonObject | undefined,
): Item | undefined {
  if (item === undefined) return undefined
  if ('category' in item) return facts.byCategory.get(item.category)?.[0]
  const id = 'id' in item ? item.id : itemIdIn(properties, item.property)
  return id === null ? undefined : facts.items.get(id)
}

/** The customer's lists as templates see them, the newest first; what cannot be had is left out. */
export function itemLists(facts: ItemFacts, profile: Profile, lists: ReadonlySet<ItemList>): JsonObject {
  const { items = noInterest } = profile
  const words: JsonObject = {}
  const show = (found: readonly Item[]) => found.slice(0, listItemsMax).map(itemWords)
  const known = (ids: readonly string[]) => ids.flatMap((id) => facts.items.get(id) ?? [])
  const toBeHad = (ids: readonly string[]) =>
    known(ids).filter((item) => unavailable(item, facts.now) === null)
  if (lists.has('viewed')) words.viewed = show(toBeHad(viewedIds(items)))
  if (lists.has('cart')) words.cart = show(toBeHad(cartIds(items)))
  if (lists.has('bought')) words.bought = show(known(newestIds(items.bought)))
  if (lists.has('recommended')) words.recommended = show(recommended(facts, profile))
  return words
}

const noInterest: ProductInterest = { viewed: {}, added: {}, removed: {}, bought: {} }

function newestIds(own: Record<string, number>): string[] {
  return latestFirst(Object.entries(own)).map(([id]) => id)
}

/** Whoever bought it since has seen enough of it. */
function viewedIds({ viewed, bought }: ProductInterest): string[] {
  return newestIds(viewed).filter((id) => (bought[id] ?? Number.NEGATIVE_INFINITY) < viewed[id]!)
}

function cartIds({ added, removed }: ProductInterest): string[] {
  return newestIds(added).filter((id) => (removed[id] ?? Number.NEGATIVE_INFINITY) < added[id]!)
}

/** In turns of the categories that the customer likes best, what is not in the cart and was not bought lately. */
function recommended({ byCategory }: ItemFacts, profile: Profile): Item[] {
  const { items = noInterest } = profile
  const taken = new Set([...cartIds(items), ...Object.keys(items.bought)])
  const waiting = likedCategories(profile).map((category) => [...(byCategory.get(category) ?? [])])
  const found: Item[] = []
  while (found.length < listItemsMax && waiting.some((own) => own.length > 0)) {
    for (const own of waiting) {
      const next = own.find((item) => !taken.has(item.id))
      own.splice(0, next === undefined ? own.length : own.indexOf(next) + 1)
      if (next === undefined) continue
      taken.add(next.id)
      found.push(next)
    }
  }
  return found
}

import type { CampaignSpec, ItemList, Offer } from '#contracts/campaign.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { ProductInterest, Profile } from '#contracts/profile.ts'
import { type CompiledTemplate, compileTemplate } from '../../creative/compile-template.ts'
import { itemIdsOf } from '../../profile/product-interest.ts'

/** What campaigns ask of the catalogue; null where none does. */
export interface ItemNeeds {
  /** Items and categories that offers name. */
  itemIds: readonly string[]
  categories: readonly string[]
  /** Properties of events that name an offer's item. */
  properties: readonly string[]
  lists: ReadonlySet<ItemList>
}

export function itemNeedsOf(
  campaigns: Iterable<{
    version: { spec: Pick<CampaignSpec, 'treatments'> }
    templates: readonly (readonly CompiledTemplate[])[]
  }>,
): ItemNeeds | null {
  const itemIds = new Set<string>()
  const categories = new Set<string>()
  const properties = new Set<string>()
  const lists = new Set<ItemList>()
  for (const { version, templates } of campaigns) {
    for (const { offer } of version.spec.treatments) {
      if (offer.item === undefined) continue
      if ('id' in offer.item) itemIds.add(offer.item.id)
      else if ('category' in offer.item) categories.add(offer.item.category)
      else properties.add(offer.item.property)
    }
    const inAllWords = templates.flat().flatMap((own) => [own, ...(own.locales?.values() ?? [])])
    for (const template of inAllWords) {
      for (const list of Object.keys(template.items?.lists ?? {})) lists.add(list as ItemList)
    }
  }
  if (itemIds.size + categories.size + properties.size + lists.size === 0) return null
  return { itemIds: [...itemIds], categories: [...categories], properties: [...properties], lists }
}

/** Specs are immutable: their templates are compiled once for this. */
const bySpec = new WeakMap<CampaignSpec, ItemNeeds | null>()

/** The same of a version that is neither running nor followed. */
export function itemNeedsOfSpec(spec: CampaignSpec): ItemNeeds | null {
  let needs = bySpec.get(spec)
  if (needs === undefined) {
    const templates = spec.treatments.map(({ variants }) =>
      variants.flatMap(({ template }) => {
        const result = compileTemplate(template)
        return result.kind === 'compiled' ? [result.template] : []
      }),
    )
    needs = itemNeedsOf([{ version: { spec }, templates }])
    bySpec.set(spec, needs)
  }
  return needs
}

/** With what another offer is about, which may have changed since. */
export function withItemOf(needs: ItemNeeds | null, { item }: Offer): ItemNeeds | null {
  if (item === undefined) return needs
  const { itemIds = [], categories = [], properties = [], lists = new Set<ItemList>() } = needs ?? {}
  return {
    itemIds: 'id' in item ? [...itemIds, item.id] : itemIds,
    categories: 'category' in item ? [...categories, item.category] : categories,
    properties: 'property' in item ? [...properties, item.property] : properties,
    lists,
  }
}

/** Which items and categories to read. */
export interface AskedItems {
  itemIds: Set<string>
  categories: Set<string>
}

/** Categories that a customer's recommendations are taken from: those that most of what they did was about. */
export const likedCategoriesMax = 3

/**
 * What these customers may be shown: `profiles` as they are before the events with these `properties` are taken
 * in. An event adds its own items and categories; of the others none gets among the first by it.
 */
export function askedItems(
  needs: ItemNeeds,
  profiles: Iterable<Profile>,
  properties: Iterable<JsonObject>,
): AskedItems {
  const itemIds = new Set(needs.itemIds)
  const categories = new Set(needs.categories)
  const recommends = needs.lists.has('recommended')
  for (const profile of profiles) {
    for (const kind of kindsNeeded(needs)) {
      for (const id of Object.keys(profile.items?.[kind] ?? {})) itemIds.add(id)
    }
    if (recommends) for (const category of likedCategories(profile)) categories.add(category)
  }
  for (const own of properties) {
    if (needs.lists.size > 0) for (const id of itemIdsOf(own)) itemIds.add(id)
    for (const name of needs.properties) {
      const id = itemIdIn(own, name)
      if (id !== null) itemIds.add(id)
    }
    if (recommends) for (const category of categoriesIn(own)) categories.add(category)
  }
  return { itemIds, categories }
}

/** The item that a property of an event names. */
export function itemIdIn(properties: JsonObject | undefined, property: string): string | null {
  const value =
    properties !== undefined && Object.hasOwn(properties, property) ? properties[property] : undefined
  if (typeof value !== 'string' && typeof value !== 'number') return null
  return String(value) === '' ? null : String(value)
}

/** The most named first. */
export function likedCategories({ affinities = {} }: Profile): string[] {
  return Object.entries(affinities)
    .flatMap(([name, own]) =>
      name.startsWith(categoryPrefix) ? [{ ...own, category: name.slice(categoryPrefix.length) }] : [],
    )
    .toSorted((a, b) => b.total - a.total || b.lastAt - a.lastAt || (a.category < b.category ? -1 : 1))
    .slice(0, likedCategoriesMax)
    .map(({ category }) => category)
}

const categoryPrefix = 'category='

function categoriesIn(properties: JsonObject): string[] {
  const all = [properties, ...(Array.isArray(properties.products) ? properties.products : [])]
  return all.flatMap((own) => {
    const category = typeof own === 'object' && own !== null && !Array.isArray(own) ? own.category : undefined
    return typeof category === 'string' && category !== '' ? [category] : []
  })
}

function kindsNeeded({ lists }: ItemNeeds): (keyof ProductInterest)[] {
  const kinds = new Set<keyof ProductInterest>()
  if (lists.has('viewed')) kinds.add('viewed').add('bought')
  if (lists.has('cart')) kinds.add('added')
  if (lists.has('bought')) kinds.add('bought')
  return [...kinds]
}

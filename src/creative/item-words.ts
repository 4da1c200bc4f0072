import type { Item } from '#contracts/item.ts'
import type { JsonObject } from '#contracts/json.ts'

/** What a template may print of an item; `attributes.…` beside them. */
export const itemFields: ReadonlySet<string> = new Set([
  'id',
  'name',
  'price',
  'currency',
  'stock',
  'imageUrl',
  'link',
  'category',
  'categories',
  'validUntil',
  'attributes',
])

/** An item as templates see it; what it lacks is left out, so that it counts as missing. */
export function itemWords(item: Item): JsonObject {
  const { priceMicros, validUntil, categories } = item
  return {
    id: item.id,
    name: item.name,
    ...(priceMicros === null ? {} : { price: priceMicros / 1_000_000, currency: item.currency }),
    ...(item.stock === null ? {} : { stock: item.stock }),
    ...(item.imageUrl === '' ? {} : { imageUrl: item.imageUrl }),
    ...(item.link === '' ? {} : { link: item.link }),
    ...(categories[0] === undefined ? {} : { category: categories[0] }),
    categories,
    ...(validUntil === null ? {} : { validUntil: new Date(validUntil).toISOString() }),
    attributes: item.attributes,
  }
}

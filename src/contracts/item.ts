import { z } from 'zod'
import type { InstantMs } from './clock.ts'

/** Whatever the shop calls it: `SKU-17/b`, a number, an address. */
export const itemIdSchema = z
  .string()
  .min(1, 'an item has an id')
  .max(128)
  .regex(/^[^\p{Cc}]+$/u, 'no control characters')

const webAddress = z
  .string()
  .max(2048)
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'an address of http or https')

const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'))
const category = z.string().trim().min(1).max(128)
const instant = z.iso.datetime({ offset: true })

export const categoriesMax = 20
export const attributesMax = 50

/** The fields of an item as the API takes them, each on its own. */
const fields = {
  name: z.string().trim().min(1, 'an item has a name').max(500),
  /** Units of its currency: 12.5. */
  price: z.number().min(0).max(1_000_000_000),
  currency: z.string().refine((code) => currencies.has(code), 'an ISO 4217 code, such as EUR'),
  /** Pieces left; without it nobody counts them. */
  stock: z.int().min(0).max(1_000_000_000),
  imageUrl: webAddress,
  link: webAddress,
  /** The first is the main one. */
  categories: z.array(category).max(categoriesMax),
  validFrom: instant,
  validUntil: instant,
  /** The higher, the earlier it is recommended: pieces sold in a month, for one. */
  rank: z.int().min(-1_000_000_000).max(1_000_000_000),
  attributes: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, 'a name of letters, digits, _ and -'),
      z.union([z.string().max(2000), z.number(), z.boolean()]),
    )
    .refine((own) => Object.keys(own).length <= attributesMax, `at most ${attributesMax} attributes`),
}

export const itemSchema = z.strictObject({
  id: itemIdSchema,
  name: fields.name,
  price: fields.price.exactOptional(),
  currency: fields.currency.exactOptional(),
  stock: fields.stock.exactOptional(),
  imageUrl: fields.imageUrl.exactOptional(),
  link: fields.link.exactOptional(),
  categories: fields.categories.default([]),
  validFrom: fields.validFrom.exactOptional(),
  validUntil: fields.validUntil.exactOptional(),
  rank: fields.rank.default(0),
  attributes: fields.attributes.default({}),
})
/** As people and feeds write it. */
export type ItemBody = z.infer<typeof itemSchema>

/** Some fields; null takes one away. What is left out stays. */
export const itemPatchSchema = z.strictObject({
  name: fields.name.exactOptional(),
  price: fields.price.nullable().exactOptional(),
  currency: fields.currency.nullable().exactOptional(),
  stock: fields.stock.nullable().exactOptional(),
  imageUrl: fields.imageUrl.nullable().exactOptional(),
  link: fields.link.nullable().exactOptional(),
  categories: fields.categories.exactOptional(),
  validFrom: fields.validFrom.nullable().exactOptional(),
  validUntil: fields.validUntil.nullable().exactOptional(),
  rank: fields.rank.exactOptional(),
  /** Each by itself. */
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).exactOptional(),
})
export type ItemPatch = z.infer<typeof itemPatchSchema>

/** What the catalogue knows of an item. */
export interface Item {
  id: string
  name: string
  priceMicros: number | null
  /** '' without a price. */
  currency: string
  /** null: nobody counts them. */
  stock: number | null
  imageUrl: string
  link: string
  categories: string[]
  /** 0: always was. */
  validFrom: InstantMs
  validUntil: InstantMs | null
  rank: number
  attributes: Record<string, string | number | boolean>
}

/** Why an item cannot be had; null where it can. */
export type Unavailable = 'sold_out' | 'item_not_valid' | 'item_unknown'

export function unavailable(item: Item | undefined, now: InstantMs): Unavailable | null {
  if (item === undefined) return 'item_unknown'
  if (item.stock === 0) return 'sold_out'
  return item.validFrom <= now && (item.validUntil === null || now < item.validUntil)
    ? null
    : 'item_not_valid'
}

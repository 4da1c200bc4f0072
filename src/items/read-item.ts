import type { z } from 'zod'
import { type Item, type ItemBody, type ItemPatch, itemSchema } from '#contracts/item.ts'
import { microsOf } from '#contracts/money.ts'

export interface FieldFault {
  field: string
  detail: string
}

/** An item as it was written, checked as a whole; or the first thing that is wrong with it. */
export function readItem(body: unknown): Item | FieldFault {
  const parsed = itemSchema.safeParse(body)
  if (!parsed.success) return firstFault(parsed.error)
  const { price, currency, validFrom, validUntil, ...own } = parsed.data
  if ((price === undefined) !== (currency === undefined))
    return {
      field: price === undefined ? 'price' : 'currency',
      detail: 'a price and its currency go together',
    }
  const from = validFrom === undefined ? 0 : Date.parse(validFrom)
  const until = validUntil === undefined ? null : Date.parse(validUntil)
  if (until !== null && until <= from) return { field: 'validUntil', detail: 'must be later than validFrom' }
  return {
    id: own.id,
    name: own.name,
    priceMicros: price === undefined ? null : microsOf(price),
    currency: currency ?? '',
    stock: own.stock ?? null,
    imageUrl: own.imageUrl ?? '',
    link: own.link ?? '',
    categories: [...new Set(own.categories)],
    validFrom: from,
    validUntil: until,
    rank: own.rank,
    attributes: own.attributes,
  }
}

/** The same the other way round: what was not said is left out. */
export function itemBody(item: Item): ItemBody {
  return {
    id: item.id,
    name: item.name,
    ...(item.priceMicros === null ? {} : { price: item.priceMicros / 1_000_000, currency: item.currency }),
    ...(item.stock === null ? {} : { stock: item.stock }),
    ...(item.imageUrl === '' ? {} : { imageUrl: item.imageUrl }),
    ...(item.link === '' ? {} : { link: item.link }),
    categories: item.categories,
    ...(item.validFrom === 0 ? {} : { validFrom: new Date(item.validFrom).toISOString() }),
    ...(item.validUntil === null ? {} : { validUntil: new Date(item.validUntil).toISOString() }),
    rank: item.rank,
    attributes: item.attributes,
  }
}

/** What is known of it, changed; `known` undefined: a new one, of which the name must be said. */
export function patched(id: string, known: Item | undefined, patch: ItemPatch): Item | FieldFault {
  const before = known === undefined ? {} : itemBody(known)
  const merged: Record<string, unknown> = { ...before, ...patch, id }
  if (patch.attributes !== undefined)
    merged.attributes = withoutNull({ ...known?.attributes, ...patch.attributes })
  return readItem(withoutNull(merged))
}

function withoutNull(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

function firstFault({ issues }: z.ZodError): FieldFault {
  const [issue] = issues
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  return { field: unknown ?? issue?.path.join('.') ?? '', detail: issue?.message ?? '' }
}

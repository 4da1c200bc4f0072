import type { InstantMs } from '#contracts/clock.ts'
import type { JsonObject, JsonValue } from '#contracts/json.ts'
import type { ProductInterest, Profile } from '#contracts/profile.ts'

/** Of each kind, the newest items kept. */
export const interestItemsMax = 16
/** Most products of one event that are looked at. */
const productsMax = 50
const idCharsMax = 128

type Kind = keyof ProductInterest

/**
 * What an event says of the items that it names: the e-commerce events of Segment and RudderStack, and those of
 * GA4 that other clients send.
 * https://segment.com/docs/connections/spec/ecommerce/v2/
 * https://developers.google.com/analytics/devguides/collection/ga4/reference/events
 */
const kindsOf: Readonly<Record<string, readonly Kind[]>> = {
  'Product Viewed': ['viewed'],
  'Product Clicked': ['viewed'],
  view_item: ['viewed'],
  select_item: ['viewed'],
  'Product Added': ['added'],
  add_to_cart: ['added'],
  'Product Removed': ['removed'],
  remove_from_cart: ['removed'],
  'Order Completed': ['removed', 'bought'],
  purchase: ['removed', 'bought'],
}

/**
 * Notes when the customer last dealt with the items of an event. The result depends neither on order nor on
 * merges: of each kind and item the latest time, of each kind the newest items.
 */
export function noteInterest(
  profile: Profile,
  name: string,
  properties: JsonObject | undefined,
  at: InstantMs,
): void {
  const kinds = Object.hasOwn(kindsOf, name) ? kindsOf[name]! : none
  if (kinds.length === 0 || properties === undefined) return
  const ids = itemIdsOf(properties)
  if (ids.length === 0) return
  const own = interestOf(profile)
  for (const kind of kinds) for (const id of ids) note(own, kind, id, at)
  for (const kind of kinds) own[kind] = newest(own[kind])
}

/** Adds what `from` says to `into`. */
export function addInterest(into: Profile, from: Profile): void {
  if (from.items === undefined) return
  const own = interestOf(into)
  for (const kind of Object.keys(own) as Kind[]) {
    for (const [id, at] of Object.entries(from.items[kind])) note(own, kind, id, at)
    own[kind] = newest(own[kind])
  }
}

const none: readonly Kind[] = []

/** Ids of the items that an event names, its own or those of its list. */
export function itemIdsOf(properties: JsonObject): string[] {
  const ids = new Set<string>()
  collect(properties, ids)
  for (const list of [properties.products, properties.items]) {
    if (Array.isArray(list)) for (const product of list.slice(0, productsMax)) collect(product, ids)
  }
  return [...ids]
}

function collect(from: JsonValue | undefined, ids: Set<string>): void {
  if (typeof from !== 'object' || from === null || Array.isArray(from)) return
  for (const name of ['product_id', 'productId', 'item_id', 'sku']) {
    const value = Object.hasOwn(from, name) ? from[name] : undefined
    if (typeof value !== 'string' && typeof value !== 'number') continue
    const id = String(value)
    if (id !== '' && id.length <= idCharsMax && id !== '__proto__') ids.add(id)
    return
  }
}

function interestOf(profile: Profile): ProductInterest {
  profile.items ??= { viewed: {}, added: {}, removed: {}, bought: {} }
  return profile.items
}

function note(interest: ProductInterest, kind: Kind, id: string, at: InstantMs): void {
  const known = Object.hasOwn(interest[kind], id) ? interest[kind][id]! : Number.NEGATIVE_INFINITY
  if (at > known) interest[kind][id] = at
}

/** The latest first, of two at once the lower id: a property of the entries alone. */
function newest(own: Record<string, InstantMs>): Record<string, InstantMs> {
  const entries = Object.entries(own)
  if (entries.length <= interestItemsMax) return own
  return Object.fromEntries(latestFirst(entries).slice(0, interestItemsMax))
}

/** The later first, of two at once the lower id. */
export function latestFirst(entries: [id: string, at: InstantMs][]): [id: string, at: InstantMs][] {
  return entries.toSorted(([a, atA], [b, atB]) => atB - atA || (a < b ? -1 : 1))
}

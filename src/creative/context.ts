import type { Offer } from '#contracts/campaign.ts'
import type { Coupon } from '#contracts/guardrail.ts'
import type { Item } from '#contracts/item.ts'
import type { JsonObject, JsonValue } from '#contracts/json.ts'
import { itemWords } from './item-words.ts'
import { type Chosen, directionOf } from './locale.ts'
import { offerIn } from './words.ts'

/** What a template may name. Plain JSON: a value without own JSON type never gets in. */
export interface TemplateContext {
  [root: string]: JsonObject
  /** `id` and the customer's traits. */
  customer: JsonObject
  /** The trigger: `name` and `properties`. */
  event: JsonObject
  /** `id`, `name` and the offer's facts. */
  offer: JsonObject
  /** `unsubscribe`, `preferences`; what the message brings of its own (`confirm`). */
  links: JsonObject
  /** What a transactional message was asked for with. */
  data: JsonObject
  /** `code` and `expiresAt` of the code that the message holds. */
  coupon: JsonObject
  /** The item that the offer is about, as the catalogue has it. */
  item: JsonObject
  /** `locale`, `dir`, and `formats`: how numbers and dates are written. */
  message: JsonObject
  /** The customer's lists: `viewed`, `cart`, `bought`, `recommended`. */
  items: JsonObject
}

export interface ContextInput {
  customerId: string
  traits: JsonObject
  /** As the message keeps it: `{ event: { name, properties } }`, or `{ data, links }` of a transactional one. */
  trigger: JsonObject
  offer: Offer
  unsubscribeUrl: string
  /** Default '': there is none. */
  preferencesUrl?: string
  /** Default: none. */
  coupon?: Coupon
  /** Default: the offer is about none. */
  item?: Item
  /** Default: empty ones. */
  items?: JsonObject
  /** In which it is written. Default: plain English. */
  words?: Chosen & { workspaceLocale?: string | undefined }
}

/** Any code will do before the send: the real one is reserved at the claim. */
export const anyCoupon: Coupon = { code: 'CODE-OF-THE-MESSAGE', expiresAt: 4_102_444_800_000 }

/** Puts a template's context together. Our own fields win over traits and facts of the same name. */
export function templateContext(input: ContextInput): TemplateContext {
  const { event, data, links } = input.trigger
  const { words } = input
  const offer = words === undefined ? input.offer : offerIn(input.offer, words.locale, words.workspaceLocale)
  return {
    customer: { ...input.traits, id: input.customerId },
    event: objectOf(event),
    offer: offerWords(offer),
    links: { ...objectOf(links), unsubscribe: input.unsubscribeUrl, preferences: input.preferencesUrl ?? '' },
    data: objectOf(data),
    coupon: input.coupon === undefined ? nothing : couponWords(input.coupon),
    item: input.item === undefined ? nothing : itemWords(input.item),
    items: input.items ?? nothing,
    message: words === undefined ? nothing : messageWords(words),
  }
}

const nothing: JsonObject = Object.freeze({})

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : nothing
}

/** The same context over another offer and its item; the rest is shared. One without a pool gives no code. */
export function withOffer(context: TemplateContext, offer: Offer, item?: Item): TemplateContext {
  const coupon = offer.couponPool === undefined ? nothing : context.coupon
  return {
    ...context,
    offer: offerWords(offer),
    coupon,
    item: item === undefined ? nothing : itemWords(item),
  }
}

function couponWords({ code, expiresAt }: Coupon): JsonObject {
  return { code, expiresAt: new Date(expiresAt).toISOString() }
}

function messageWords({ locale, formats }: Chosen): JsonObject {
  return { locale, formats, dir: directionOf(locale) }
}

/** Offers are immutable: put together once. */
const wordsOf = new WeakMap<Offer, JsonObject>()

function offerWords(offer: Offer): JsonObject {
  let words = wordsOf.get(offer)
  if (words === undefined) {
    words = { ...offer.facts, id: offer.id, name: offer.name }
    wordsOf.set(offer, words)
  }
  return words
}

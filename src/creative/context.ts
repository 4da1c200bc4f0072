import type { Offer } from '#contracts/campaign.ts'
import type { JsonObject } from '#contracts/json.ts'

/** What a template may name. Plain JSON: a value without own JSON type never gets in. */
export interface TemplateContext {
  [root: string]: JsonObject
  /** `id` and the customer's traits. */
  customer: JsonObject
  /** The trigger: `name` and `properties`. */
  event: JsonObject
  /** `id`, `name` and the offer's facts. */
  offer: JsonObject
  /** `unsubscribe`. */
  links: JsonObject
}

export interface ContextInput {
  customerId: string
  traits: JsonObject
  /** As the message keeps it: `{ event: { name, properties } }`. */
  trigger: JsonObject
  offer: Offer
  unsubscribeUrl: string
}

/** Puts a template's context together. Our own fields win over traits and facts of the same name. */
export function templateContext(input: ContextInput): TemplateContext {
  const event = input.trigger.event
  return {
    customer: { ...input.traits, id: input.customerId },
    event: typeof event === 'object' && event !== null && !Array.isArray(event) ? event : {},
    offer: offerWords(input.offer),
    links: { unsubscribe: input.unsubscribeUrl },
  }
}

/** The same context over another offer; the rest is shared. */
export function withOffer(context: TemplateContext, offer: Offer): TemplateContext {
  const { customer, event, links } = context
  return { customer, event, offer: offerWords(offer), links }
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

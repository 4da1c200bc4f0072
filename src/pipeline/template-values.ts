import type { Offer } from '#contracts/campaign.ts'
import type { StockFacts } from '#contracts/guardrail.ts'
import type { Item } from '#contracts/item.ts'
import type { Customer } from '#contracts/profile.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { anyCoupon, templateContext } from '../creative/context.ts'
import type { Chosen } from '../creative/locale.ts'
import type { Reader } from '../creative/words.ts'
import type { DecisionFacts, TriggeredDecision } from './decision-input.ts'
import { itemLists, itemOfOffer, stockFacts } from './items/item-facts.ts'

/** A placement is asked for where the customer is: nothing can wait, and the customer is the address. */
export function isPlacement({ trigger }: Pick<TriggeredDecision, 'trigger'>): boolean {
  return trigger.kind === 'request'
}

/** The trigger as a template sees it. In a placement there is nothing to unsubscribe from. */
export function templateContextOf(
  triggered: Pick<TriggeredDecision, 'customer' | 'event' | 'trigger'>,
  offer: Offer,
  known: Pick<DecisionFacts, 'items' | 'context'>,
  words?: Chosen,
) {
  const item = itemFor(known, triggered, offer)
  return templateContext({
    customerId: triggered.customer.customerId,
    traits: triggered.customer.profile.traits,
    trigger: { event: { ...triggered.event } },
    offer,
    // Any address will do: the real ones are made with the message.
    unsubscribeUrl: isPlacement(triggered) ? '' : 'https://unsubscribe.invalid/',
    preferencesUrl: isPlacement(triggered) ? '' : 'https://preferences.invalid/',
    // A code is given with a message: nothing holds one in a placement.
    ...(isPlacement(triggered) ? {} : { coupon: anyCoupon }),
    ...(item === undefined ? {} : { item }),
    ...(words === undefined ? {} : { words: { ...words, workspaceLocale: known.context.settings.locale } }),
    ...(known.items === null || known.context.itemNeeds === null
      ? {}
      : { items: itemLists(known.items, triggered.customer.profile, known.context.itemNeeds.lists) }),
  })
}

/** Whom words are for. */
export function readerOf({ profile }: Pick<Customer, 'profile'>, { locale }: WorkspaceSettings): Reader {
  return { locale: profile.locale, workspaceLocale: locale }
}

export function stockFor(
  { items, context: { itemNeeds } }: Pick<DecisionFacts, 'items' | 'context'>,
  { event }: Pick<TriggeredDecision, 'event'>,
): StockFacts | undefined {
  return items === null || itemNeeds === null ? undefined : stockFacts(items, itemNeeds, event.properties)
}

export function itemFor(
  { items }: Pick<DecisionFacts, 'items'>,
  { event }: Pick<TriggeredDecision, 'event'>,
  offer: Offer,
): Item | undefined {
  return items === null ? undefined : itemOfOffer(items, offer, event.properties)
}

import type { Offer, Template } from '#contracts/campaign.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { ContentLimits } from '#contracts/message.ts'
import type { Customer } from '#contracts/profile.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { compileTemplate } from '../creative/compile-template.ts'
import { anyCoupon, templateContext } from '../creative/context.ts'
import { plainLocale } from '../creative/locale.ts'
import { type Preview, preview } from '../creative/preview.ts'
import { wordsFor } from '../creative/words.ts'
import { itemLists, itemOfOffer, loadItemFacts } from './items/item-facts.ts'
import { askedItems, itemNeedsOf, withItemOf } from './items/item-needs.ts'

export interface Asked {
  template: Template
  customer: Customer
  offer: Offer
  event: { name: string; properties: JsonObject } | undefined
  locale: string | undefined
  workspaceLocale: string | undefined
  publicUrl: string
  limits: ReadonlyMap<string, ContentLimits> | undefined
  now: number
}

/** A template as this customer would get it now, with what the catalogue says now. */
export async function previewFor(db: WorkspaceDb, asked: Asked): Promise<Preview & { locale: string }> {
  const { template, customer, offer, event, locale, workspaceLocale, publicUrl, limits } = asked
  const compiled = compileTemplate(template)
  if (compiled.kind === 'faults')
    return { content: null, missing: [], faults: compiled.faults, locale: plainLocale }
  const words = wordsFor(compiled.template, { locale, workspaceLocale })
  const context = templateContext({
    customerId: customer.customerId,
    traits: customer.profile.traits,
    trigger: event === undefined ? {} : { event: { ...event } },
    offer,
    unsubscribeUrl: `${publicUrl}/u/preview`,
    preferencesUrl: `${publicUrl}/p/preview`,
    words: { ...words, workspaceLocale },
    ...(offer.couponPool === undefined ? {} : { coupon: anyCoupon }),
    ...(await itemsFor(db, asked, compiled.template)),
  })
  return { ...preview(words.template, context, limits), locale: words.locale }
}

async function itemsFor(
  db: WorkspaceDb,
  { customer: { profile }, offer, event, now }: Asked,
  template: Parameters<typeof wordsFor>[0],
) {
  const needs = withItemOf(
    itemNeedsOf([{ version: { spec: { treatments: [] } }, templates: [[template]] }]),
    offer,
  )
  if (needs === null) return {}
  const properties = event?.properties
  const facts = await loadItemFacts(db, askedItems(needs, [profile], properties ? [properties] : []), now)
  const item = itemOfOffer(facts, offer, properties)
  return { items: itemLists(facts, profile, needs.lists), ...(item === undefined ? {} : { item }) }
}

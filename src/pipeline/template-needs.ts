import type { CampaignSpec, Offer } from '#contracts/campaign.ts'
import type { Item } from '#contracts/item.ts'
import type { CompiledTemplate } from '../creative/compile-template.ts'
import { type TemplateContext, templateContext, withOffer } from '../creative/context.ts'
import { hasValue } from '../creative/helpers.ts'
import { flatPrints, lookUp } from '../creative/printed-values.ts'
import { missingVariables } from '../creative/render.ts'
import { type Reader, wordsFor } from '../creative/words.ts'

/**
 * What the templates of a campaign's treatments need, sorted by when it can be known. Offers are part of the
 * version: what theirs lack is known before any customer. Of the rest, most templates name the same few values,
 * looked up once a decision instead of once a treatment: that was 6 % of a decision's time with 20 treatments.
 */
export interface TemplateNeeds {
  /** By treatment: values that its offer lacks. */
  ofOffers: readonly (readonly string[])[]
  /** Values of the customer, the trigger and the links, with the treatments that need them. */
  shared: readonly { name: string; parts: readonly string[]; treatments: readonly number[] }[]
  /** Templates whose needs follow from the values themselves: blocks, helpers, defaults. */
  walked: readonly { treatment: number; template: CompiledTemplate }[]
}

export function templateNeeds(
  { treatments }: CampaignSpec,
  templates: readonly (readonly CompiledTemplate[])[],
): TemplateNeeds {
  const ofOffers = treatments.map(() => new Set<string>())
  const shared = new Map<string, { name: string; parts: readonly string[]; treatments: Set<number> }>()
  const walked: { treatment: number; template: CompiledTemplate }[] = []
  for (const [treatment, { offer }] of treatments.entries()) {
    const ofOffer = templateContext({
      customerId: '',
      traits: {},
      trigger: {},
      offer,
      unsubscribeUrl: '',
    })
    let asked = ''
    for (const template of templates[treatment] ?? []) {
      if (template.neededKey === asked) continue
      asked = template.neededKey
      const isPlain = template.defaults.length === 0 && template.items === null && template.locales === null
      const flat = isPlain ? flatPrints(template.needed) : null
      if (flat === null) walked.push({ treatment, template })
      for (const { parts } of flat ?? []) {
        const name = parts.join('.')
        if (parts[0] === 'offer') {
          if (!hasValue(lookUp(ofOffer, parts))) ofOffers[treatment]!.add(name)
          continue
        }
        if (parts[0] === 'coupon' && offer.couponPool === undefined) ofOffers[treatment]!.add(name)
        // A part may hold a dot itself.
        const key = parts.join('\u0000')
        const own = shared.get(key) ?? { name, parts, treatments: new Set() }
        shared.set(key, own)
        own.treatments.add(treatment)
      }
    }
  }
  return {
    ofOffers: ofOffers.map((names) => [...names]),
    shared: [...shared.values()].map((own) => ({ ...own, treatments: [...own.treatments] })),
    walked,
  }
}

export interface MissingOptions {
  /** The item that an offer is about. Default: none is. */
  itemOf?: (offer: Offer) => Item | undefined
  reader?: Reader
}

/** By treatment, what this customer's rendering would print as nothing; null where nothing is missing. */
export function missingByTreatment(
  { ofOffers, shared, walked }: TemplateNeeds,
  { treatments }: CampaignSpec,
  context: TemplateContext,
  { itemOf = noItem, reader = {} }: MissingOptions = {},
): string[][] | null {
  let missing: string[][] | null = ofOffers.some((names) => names.length > 0)
    ? ofOffers.map((names) => [...names])
    : null
  const add = (treatment: number, name: string): void => {
    missing ??= treatments.map(() => [])
    const own = missing[treatment]!
    if (!own.includes(name)) own.push(name)
  }
  for (const { name, parts, treatments: needing } of shared) {
    if (hasValue(lookUp(context, parts))) continue
    for (const treatment of needing) add(treatment, name)
  }
  for (const { treatment, template } of walked) {
    const { offer } = treatments[treatment]!
    const own = withOffer(
      context,
      offer,
      template.items === null && template.locales === null ? undefined : itemOf(offer),
    )
    const words = template.locales === null ? template : wordsFor(template, reader).template
    for (const name of missingVariables(words, own)) add(treatment, name)
  }
  return missing
}

const noItem = (): undefined => undefined

import type { CampaignSpec } from '#contracts/campaign.ts'
import { allow, type Guardrail, stockKey } from '#contracts/guardrail.ts'

/**
 * Nobody is offered an item that is sold out, not valid now, or that the catalogue does not know; nor shown a list
 * of which too little is left.
 */
export const guardrail: Guardrail = {
  name: 'in-stock',
  check({ transactional, stock, shortOf, candidate: { offer } }) {
    if (transactional) return allow
    if (shortOf !== undefined) return { kind: 'suppress', reason: 'too_few_items', inputs: { list: shortOf } }
    if (stock === undefined || offer.item === undefined) return allow
    const missing = stock.get(stockKey(offer.item))
    return missing === undefined
      ? allow
      : { kind: 'suppress', reason: missing.reason, inputs: { item: missing.item } }
  },
  clears: ({ transactional, stock, shortOf, campaign: { spec } }) =>
    transactional || (shortOf === undefined && (stock === undefined || !hasItems(spec))),
}

/** Specs are immutable: looked at once. */
const withItems = new WeakMap<CampaignSpec, boolean>()

function hasItems(spec: CampaignSpec): boolean {
  let has = withItems.get(spec)
  if (has === undefined) {
    has = spec.treatments.some(({ offer }) => offer.item !== undefined)
    withItems.set(spec, has)
  }
  return has
}

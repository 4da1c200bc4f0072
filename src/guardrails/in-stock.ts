import type { CampaignSpec } from '#contracts/campaign.ts'
import { allow, type Guardrail, stockKey } from '#contracts/guardrail.ts'

/** Nobody is offered an item that is sold out, not valid now, or that the catalogue does not know. */
export const guardrail: Guardrail = {
  name: 'in-stock',
  check({ transactional, stock, candidate: { offer } }) {
    if (transactional || stock === undefined || offer.item === undefined) return allow
    const missing = stock.get(stockKey(offer.item))
    return missing === undefined
      ? allow
      : { kind: 'suppress', reason: missing.reason, inputs: { item: missing.item } }
  },
  clears: ({ transactional, stock, campaign: { spec } }) =>
    transactional || stock === undefined || !hasItems(spec),
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

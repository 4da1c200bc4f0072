import type { CampaignSpec, Offer } from '#contracts/campaign.ts'
import { allow, type Guardrail } from '#contracts/guardrail.ts'

/** An offer is proposed while it is available, from `validFrom` on and before `validUntil`. */
export const guardrail: Guardrail = {
  name: 'offer-valid',
  check({ transactional, now, candidate: { offer } }) {
    if (transactional) return allow
    if (!offer.available)
      return { kind: 'suppress', reason: 'offer_unavailable', inputs: { offer: offer.id } }
    if (offer.validFrom === undefined && offer.validUntil === undefined) return allow
    const { fromMs, untilMs } = validityOf(offer)
    if (now < fromMs)
      return { kind: 'suppress', reason: 'offer_not_yet_valid', inputs: { offer: offer.id, fromMs } }
    if (now >= untilMs)
      return { kind: 'suppress', reason: 'offer_expired', inputs: { offer: offer.id, untilMs } }
    return allow
  },
  clears: ({ transactional, campaign: { spec } }) => transactional || hasOnlyPlainOffers(spec),
}

/** Available and without dates, as most are; specs are immutable, so it is looked at once. */
const plain = new WeakMap<CampaignSpec, boolean>()

function hasOnlyPlainOffers(spec: CampaignSpec): boolean {
  let isPlain = plain.get(spec)
  if (isPlain === undefined) {
    isPlain = spec.treatments.every(
      ({ offer }) => offer.available && offer.validFrom === undefined && offer.validUntil === undefined,
    )
    plain.set(spec, isPlain)
  }
  return isPlain
}

/** Parsed once per offer of a campaign version: parsing a date costs more than all else here. */
const validities = new WeakMap<Offer, { fromMs: number; untilMs: number }>()

function validityOf(offer: Offer): { fromMs: number; untilMs: number } {
  let validity = validities.get(offer)
  if (validity === undefined) {
    validity = {
      fromMs: offer.validFrom === undefined ? Number.NEGATIVE_INFINITY : Date.parse(offer.validFrom),
      untilMs: offer.validUntil === undefined ? Number.POSITIVE_INFINITY : Date.parse(offer.validUntil),
    }
    validities.set(offer, validity)
  }
  return validity
}

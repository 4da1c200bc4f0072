/**
 * What is planted: how each kind of customer responds. A message adds a purchase with probability
 * offer effect × channel factor × hour factor; what customers buy unprompted does not depend on it.
 */
export const styles = ['bargain', 'loyal', 'browser', 'lapsing'] as const
export type Style = (typeof styles)[number]

export const shopOffers = ['free-shipping', 'ten-percent', 'bundle', 'early-access'] as const
export type ShopOffer = (typeof shopOffers)[number]

export const shopChannels = ['email', 'sms'] as const
export type ShopChannel = (typeof shopChannels)[number]

interface StylePlan {
  /** Share of the customers. */
  share: number
  visitsPerDay: number
  /** Probability that a filled cart is bought without anybody prompting. */
  buysUnprompted: number
  offers: Record<ShopOffer, number>
  channels: Record<ShopChannel, number>
}

export const planted: Record<Style, StylePlan> = {
  bargain: {
    share: 0.3,
    visitsPerDay: 0.28,
    buysUnprompted: 0.12,
    offers: { 'free-shipping': 0.05, 'ten-percent': 0.2, bundle: 0.04, 'early-access': 0.01 },
    channels: { email: 1, sms: 0.45 },
  },
  loyal: {
    share: 0.25,
    visitsPerDay: 0.34,
    buysUnprompted: 0.25,
    offers: { 'free-shipping': 0.04, 'ten-percent': 0.02, bundle: 0.05, 'early-access': 0.19 },
    channels: { email: 0.5, sms: 1 },
  },
  browser: {
    share: 0.25,
    visitsPerDay: 0.3,
    buysUnprompted: 0.08,
    offers: { 'free-shipping': 0.18, 'ten-percent': 0.05, bundle: 0.02, 'early-access': 0.02 },
    channels: { email: 1, sms: 0.5 },
  },
  lapsing: {
    share: 0.2,
    visitsPerDay: 0.2,
    buysUnprompted: 0.06,
    offers: { 'free-shipping': 0.03, 'ten-percent': 0.04, bundle: 0.17, 'early-access': 0.01 },
    channels: { email: 0.55, sms: 1 },
  },
}

/** Evenings work best. Hours are the customer's local ones. */
export function hourFactor(localHour: number): number {
  if (localHour >= 17 && localHour < 21) return 1
  return localHour >= 9 && localHour < 17 ? 0.75 : 0.5
}

/** Probability that a message adds a purchase. */
export function addedPurchase(
  style: Style,
  offer: ShopOffer,
  channel: ShopChannel,
  localHour: number,
): number {
  const plan = planted[style]
  return plan.offers[offer] * plan.channels[channel] * hourFactor(localHour)
}

/** The treatment that adds most for a kind of customer; offers are worth the same and the hour moves all alike. */
export function bestTreatment(style: Style): `${ShopOffer}/${ShopChannel}` {
  const all = shopOffers.flatMap((offer) => shopChannels.map((channel) => ({ offer, channel })))
  const best = all.reduce((top, next) =>
    addedPurchase(style, next.offer, next.channel, 18) > addedPurchase(style, top.offer, top.channel, 18)
      ? next
      : top,
  )
  return `${best.offer}/${best.channel}`
}

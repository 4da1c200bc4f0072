export const writeKey = 'bench-id:write-secret'
export const adminKey = 'bench-id:admin-secret'
export const placement = 'home-banner'
export const customersCount = 20_000

const filler = Array.from(
  { length: 24 },
  (_, i) => `<div class="row-${i}" style="padding:8px 16px;border-bottom:1px solid #dddddd">
  <h3>{{offer.name}} for {{customer.firstName}}</h3><p>Seen on {{event.properties.page}}, {{offer.percent}} % off until Sunday, number ${i}.</p></div>`,
).join('\n')

const template = {
  subject: '{{offer.name}} for {{customer.firstName}}',
  html: filler,
  text: '{{offer.name}}',
}

/** Two campaigns at one placement, each with ten treatments of two variants; a variant has 5 KB of html. */
export function definitions(): object {
  const offers = Array.from({ length: 20 }, (_, i) => ({
    id: `offer-${i}`,
    name: `Offer ${i}`,
    value: 5 + i,
    facts: { percent: 5 + i },
  }))
  const templates = ['short', 'long'].map((id) => ({ id, channel: 'in-app', ...template }))
  const campaigns = [0, 1].map((c) => ({
    id: `campaign-${c}`,
    name: `Campaign ${c}`,
    goal: 'order',
    trigger: { placement, default: `offer-${c * 10}/in-app` },
    audience: { trait: 'country', op: 'in', value: ['de', 'at', 'ch', 'fr'] },
    holdout: 0.1,
    features: ['tier', 'country', 'interests'],
    treatments: offers.slice(c * 10, c * 10 + 10).map(({ id }) => ({
      offer: id,
      channel: 'in-app',
      variants: ['short', 'long'].map((variant) => ({ id: variant, template: variant })),
    })),
  }))
  return {
    goals: [{ id: 'order', event: 'Order Completed', value: { property: 'revenue' }, windowHours: 72 }],
    offers,
    templates,
    guardrails: { frequencyCaps: [{ sendsMax: 1000, window: { hours: 24 }, channel: 'in-app' }] },
    campaigns,
  }
}

/** Batches of 500 identify calls that make the customers. */
export function identifyBatches(): string[] {
  const tiers = ['gold', 'silver', 'bronze']
  const countries = ['de', 'at', 'ch', 'fr']
  const interests = ['shoes', 'hats', 'coats', 'bags', 'belts']
  const customers = Array.from({ length: customersCount }, (_, i) => ({
    type: 'identify',
    messageId: `identify-${i}`,
    userId: `user-${i}`,
    traits: {
      firstName: `Name ${i}`,
      email: `user-${i}@example.com`,
      tier: tiers[i % 3],
      country: countries[i % 4],
      interests: [interests[i % 5], interests[(i + 2) % 5]],
    },
  }))
  return Array.from({ length: customers.length / 500 }, (_, batch) =>
    JSON.stringify({ batch: customers.slice(batch * 500, batch * 500 + 500), writeKey }),
  )
}

import type { FeatureInput } from '#contracts/feature-schema.ts'
import type { Profile } from '#contracts/profile.ts'

const dayMs = 86_400_000
/** A Wednesday, 17:20 in UTC. */
const now = Date.UTC(2026, 2, 11, 17, 20)
const today = Math.floor(now / dayMs)

function counts(total: number, daysAgo: number, valueMicros = 0): Profile['counts'][string] {
  const lastAt = now - daysAgo * dayMs
  const day: [number, number, number] = [today - daysAgo, Math.min(total, 4), valueMicros]
  return { total, firstAt: now - 200 * dayMs, lastAt, valueMicros, days: [day] }
}

/** Fixed customers whose vectors enter the hash: between them they move every kind of dimension. */
export const featureProbes: readonly FeatureInput[] = [
  {
    profile: { traits: {}, firstSeenAt: now, lastSeenAt: now, counts: {}, segments: {} },
    traits: [],
    contacts: [],
    now,
    zone: 'UTC',
  },
  {
    profile: {
      traits: {
        plan: 'gold',
        age: 41,
        tags: ['tea', 'cake'],
        address: { country: 'NP' },
        phone: '+15550100',
      },
      email: 'ada@example.com',
      firstSeenAt: now - 200 * dayMs,
      lastSeenAt: now - 2 * dayMs,
      counts: {
        page: counts(40, 2),
        'Product Added': counts(6, 3),
        'Order Completed': counts(3, 12, 180_000_000),
        'Message Clicked': counts(5, 4),
        'Message Opened': counts(9, 1),
      },
      segments: {},
      affinities: {
        'category=Shoes': { total: 5, lastAt: now - 2 * dayMs },
        'brand=Acme': { total: 2, lastAt: now - 30 * dayMs },
      },
    },
    traits: ['plan', 'age', 'tags', 'address.country'],
    contacts: [1, 5, 20, 60].map((daysAgo, place) => ({
      messageId: `m${place}`,
      channel: 'email',
      campaignId: 'c',
      state: 'sent',
      at: now - daysAgo * dayMs,
      transactional: false,
    })),
    now,
    zone: 'Asia/Kathmandu',
  },
]

/** And those of schemas with a tail that decisions look at: items, a request, what is watched over or left out. */
export const tailProbes: readonly FeatureInput[] = [
  ...featureProbes,
  {
    ...featureProbes[1]!,
    profile: {
      ...featureProbes[1]!.profile,
      traits: {
        ...featureProbes[1]!.profile.traits,
        ...{ name: 'Ada', gender: 'f', city: 'Oslo', income: 52_000.5, debt: -1_024, vip: true },
        ...{ notes: 'x'.repeat(65), deep: { er: { yes: 'y', and: { no: 'n' } } } },
      },
      items: {
        viewed: { tea: now - 2, cake: now - 1 },
        added: { tea: now - 1 },
        removed: { cake: now },
        bought: { pot: now - dayMs },
      },
    },
    watched: ['gender'],
    request: { placement: 'home', context: { page: 'start', basket: 3, gender: 'f' } },
  },
]

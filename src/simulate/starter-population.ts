import type { ChannelName } from '#contracts/campaign.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import type { Profile } from '#contracts/profile.ts'
import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'

/** A customer of a made-up shop, as the engine would know them, with how they truly respond. */
export interface StarterCustomer {
  profile: Profile
  contacts: ContactSlot[]
  now: number
  zone: string
  /** Probability of a purchase because of a message in that channel. */
  responds: Record<StarterChannel, number>
}

export const starterChannels = ['email', 'sms', 'push', 'in-app'] as const satisfies readonly ChannelName[]
export type StarterChannel = (typeof starterChannels)[number]

/** Effects on the log odds of a response, by what is behind a customer's behaviour. */
interface Effects {
  base: number
  engaged: number
  active: number
  lapsed: number
  phone: number
  loyal: number
  tired: number
}

/**
 * What is planted on average: mail works for those who click, text messages for those who left their number
 * and have not been seen for long, push and in-app for those who were here lately; who is written to often
 * responds less. Plausible, and made up: no real customer is behind it.
 */
const usual: Record<StarterChannel, Effects> = {
  email: { base: -2.6, engaged: 1.6, active: 0.2, lapsed: -0.2, phone: 0, loyal: 0.4, tired: -0.6 },
  sms: { base: -2.9, engaged: 0.1, active: -0.2, lapsed: 1.0, phone: 1.1, loyal: 0.3, tired: -1.0 },
  push: { base: -3.0, engaged: 0.3, active: 1.3, lapsed: -1.2, phone: 0.5, loyal: 0.1, tired: -0.8 },
  'in-app': { base: -2.8, engaged: 0, active: 1.7, lapsed: -1.6, phone: 0, loyal: 0.3, tired: -0.2 },
}

const dayMs = 86_400_000
const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata']
/** A Monday, midnight in UTC. */
const startsAt = Date.UTC(2026, 0, 5)

/**
 * A shop of its own: every effect is the usual one times 1 ± .5 and shifted by ± .25 (normal), every base by
 * ± .5, so that no two shops are alike and what most have in common is all that can be learned for a new one.
 */
export function createStarterShop(seed: number): { customer(index: number): StarterCustomer } {
  const random = createSeededRandom(seed, 0x51a47e4)
  const own = Object.fromEntries(
    starterChannels.map((channel) => {
      const effects = Object.entries(usual[channel]).map(([name, effect]) => [
        name,
        name === 'base'
          ? effect + 0.5 * normal(random)
          : effect * (1 + 0.5 * normal(random)) + 0.25 * normal(random),
      ])
      return [channel, Object.fromEntries(effects) as Effects]
    }),
  ) as Record<StarterChannel, Effects>
  const pace = Math.exp(0.4 * normal(random))
  return {
    customer: (index) => makeCustomer(createSeededRandom(seed * 7_919 + 3, index), own, pace),
  }
}

function makeCustomer(
  random: Random,
  effects: Record<StarterChannel, Effects>,
  pace: number,
): StarterCustomer {
  const now = startsAt + Math.floor(random.next() * 300 * dayMs)
  const zone = zones[Math.floor(random.next() * zones.length)]!
  const tenureDays = 5 + random.next() ** 2 * 700
  const isLapsed = random.next() < 0.35
  const idleDays = Math.min(tenureDays, isLapsed ? 20 + random.next() * 150 : random.next() ** 2 * 12)
  const visitsPerDay = pace * Math.exp(-1.5 + 0.9 * normal(random))
  const loyalty = random.next() ** 2
  const engagement = random.next() ** 1.5
  const hasPhone = random.next() < 0.5
  const contacts = contactsOf(random, now, engagement)
  const profile = profileOf(random, {
    now,
    tenureDays,
    idleDays,
    visitsPerDay,
    loyalty,
    hasPhone,
    clicks: binomial(random, contacts.length + 6, 0.05 + 0.5 * engagement),
  })
  const active = isLapsed ? 0 : Math.min(1, visitsPerDay * 2)
  const tired = Math.min(1, contacts.filter(({ at }) => at > now - 7 * dayMs).length / 5)
  const responds = Object.fromEntries(
    starterChannels.map((channel) => {
      const { base, ...own } = effects[channel]
      const z =
        base +
        own.engaged * (engagement - 0.4) +
        own.active * (active - 0.3) +
        own.lapsed * (isLapsed ? 0.65 : -0.35) +
        own.phone * (hasPhone ? 0.5 : -0.5) +
        own.loyal * (loyalty - 0.33) +
        own.tired * tired
      return [channel, 1 / (1 + Math.exp(-z))]
    }),
  ) as StarterCustomer['responds']
  return { profile, contacts, now, zone, responds }
}

function profileOf(
  random: Random,
  of: {
    now: number
    tenureDays: number
    idleDays: number
    visitsPerDay: number
    loyalty: number
    hasPhone: boolean
    clicks: number
  },
): Profile {
  const { now, tenureDays, idleDays, loyalty } = of
  const lastSeenAt = Math.floor(now - idleDays * dayMs)
  const firstSeenAt = Math.floor(now - tenureDays * dayMs)
  const visits = poisson(random, of.visitsPerDay * Math.max(1, tenureDays - idleDays))
  const orders = binomial(random, visits, 0.02 + 0.12 * loyalty)
  const counts: Profile['counts'] = {}
  const count = (name: string, total: number, microsEach = 0): void => {
    if (total === 0) return
    const lastAt = Math.floor(lastSeenAt - random.next() * 3 * dayMs)
    const spanDays = Math.max(1, tenureDays - idleDays)
    const recent = Math.min(total, poisson(random, (total / spanDays) * 14))
    const day = Math.floor(lastSeenAt / dayMs)
    counts[name] = {
      total,
      firstAt: firstSeenAt,
      lastAt: Math.max(firstSeenAt, lastAt),
      valueMicros: total * microsEach,
      days: recent === 0 ? [] : [[day, recent, recent * microsEach]],
    }
  }
  count('page', visits * 3)
  count('Product Added', binomial(random, visits, 0.3))
  count('Order Completed', orders, Math.round(20 + 60 * random.next()) * 1_000_000)
  count('Message Clicked', of.clicks)
  count('Message Opened', of.clicks * 2)
  return {
    traits: of.hasPhone ? { phone: '+15550100' } : {},
    email: 'somebody@example.com',
    firstSeenAt,
    lastSeenAt,
    counts,
    segments: {},
  }
}

function contactsOf(random: Random, now: number, engagement: number): ContactSlot[] {
  return Array.from({ length: poisson(random, 3 + 3 * engagement) }, (_, place) => ({
    messageId: `m${place}`,
    channel: 'email' as const,
    campaignId: 'past',
    state: 'sent' as const,
    at: now - Math.floor(random.next() * 40 * dayMs),
    transactional: false,
  }))
}

/** Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
}

/** Knuth's below 30, from there on by the normal approximation. */
function poisson(random: Random, mean: number): number {
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)))
  const limit = Math.exp(-mean)
  let product = random.next()
  let count = 0
  while (product > limit) {
    product *= random.next()
    count += 1
  }
  return count
}

function binomial(random: Random, trials: number, share: number): number {
  let count = 0
  for (let i = 0; i < trials; i += 1) if (random.next() < share) count += 1
  return count
}

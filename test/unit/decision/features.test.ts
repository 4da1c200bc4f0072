import { describe, expect, it } from 'vitest'
import type { ContactSlot } from '#contracts/guardrail.ts'
import type { Profile } from '#contracts/profile.ts'
import { featureDimensions, featureNamesV1, featureVector, traitSlotOf } from '#decision/features.ts'

const dayMs = 86_400_000
/** A Saturday, 23:30 in Kathmandu (UTC+5:45). */
const now = Date.UTC(2026, 0, 3, 17, 45)

function makeProfile(over: Partial<Profile> = {}): Profile {
  return { traits: {}, firstSeenAt: now, lastSeenAt: now, counts: {}, segments: {}, ...over }
}
function vectorOf(profile: Profile, over: Partial<Parameters<typeof featureVector>[0]> = {}) {
  return featureVector({ profile, traits: [], contacts: [], now, zone: 'UTC', ...over })
}
function named(x: Float64Array, name: string): number {
  return x[featureNamesV1.indexOf(name)]!
}
const counts = (total: number, valueMicros = 0) => ({
  total,
  firstAt: now,
  lastAt: now,
  valueMicros,
  days: [],
})

describe('features v1', () => {
  it('has 64 named dimensions, the first a constant, all within [-1, 1]', () => {
    const profile = makeProfile({
      firstSeenAt: now - 9_000 * dayMs,
      lastSeenAt: now - 8_000 * dayMs,
      counts: { 'Order Completed': counts(1e6, 1e15), 'Message Clicked': counts(1e6) },
    })
    const x = vectorOf(profile)
    expect(x).toHaveLength(featureDimensions)
    expect(new Set(featureNamesV1).size).toBe(64)
    expect(x[0]).toBe(1)
    expect(x.every((value) => value >= -1 && value <= 1)).toBe(true)
  })

  it('reads the clock of the customer’s zone', () => {
    const there = vectorOf(makeProfile(), { zone: 'Asia/Kathmandu' })
    expect(named(there, 'hour of day (sine)')).toBeCloseTo(Math.sin((23.5 / 24) * 2 * Math.PI), 12)
    expect(named(there, 'hour of day (cosine)')).toBeCloseTo(Math.cos((23.5 / 24) * 2 * Math.PI), 12)
    expect(named(there, 'evening (18-24 h)')).toBe(1)
    expect(named(there, 'afternoon (12-18 h)')).toBe(0)
    expect(named(there, 'weekend')).toBe(1)
    // In Auckland it is Sunday morning, in New York Saturday noon.
    expect(named(vectorOf(makeProfile(), { zone: 'Pacific/Auckland' }), 'morning (6-12 h)')).toBe(1)
    expect(named(vectorOf(makeProfile(), { zone: 'America/New_York' }), 'afternoon (12-18 h)')).toBe(1)
    const monday = vectorOf(makeProfile(), { now: now + 2 * dayMs, zone: 'Asia/Kathmandu' })
    expect(named(monday, 'weekend')).toBe(0)
  })

  it('counts orders by their value or their name, and engagement', () => {
    const profile = makeProfile({
      counts: {
        page: counts(90),
        'Order Completed': counts(2, 0),
        'Subscription Renewed': counts(1, 30_000_000),
        'Message Clicked': counts(3),
        'Message Opened': counts(4),
      },
    })
    const x = vectorOf(profile)
    expect(named(x, 'orders (log)')).toBeCloseTo(Math.log(4) / Math.log(101), 12)
    expect(named(x, 'order value (log)')).toBeCloseTo(Math.log(31) / Math.log(10_001), 12)
    expect(named(x, 'events (log)')).toBeCloseTo(Math.log(101) / Math.log(1_001), 12)
    expect(named(x, 'clicks and opens (log)')).toBeCloseTo(Math.log(8) / Math.log(101), 12)
  })

  it('counts marketing contacts of the last 7 days', () => {
    const slot = (over: Partial<ContactSlot>): ContactSlot => ({
      messageId: 'm',
      channel: 'email',
      campaignId: 'c',
      state: 'sent',
      at: now - dayMs,
      transactional: false,
      ...over,
    })
    const contacts = [
      slot({}),
      slot({ state: 'unknown', at: now - 7 * dayMs + 1 }),
      slot({ at: now - 7 * dayMs }),
      slot({ state: 'queued', at: now + 5 }),
      slot({ transactional: true }),
    ]
    expect(named(vectorOf(makeProfile(), { contacts }), 'contacts in 7 days')).toBeCloseTo(2 / 7, 12)
  })

  it('hashes declared traits, and only those', () => {
    const profile = makeProfile({
      email: 'ada@example.com',
      traits: { plan: 'pro', address: { country: 'DE' }, tags: ['a', 7, null], 'a.b': true, secret: 'x' },
    })
    const traits = ['plan', 'address.country', 'tags', 'a.b', 'missing', 'address', 'plan.no', 'toString']
    const x = vectorOf(profile, { traits })
    const expected = new Set([
      traitSlotOf('plan', 'pro'),
      traitSlotOf('address.country', 'DE'),
      traitSlotOf('tags', 'a'),
      traitSlotOf('tags', 7),
      traitSlotOf('a.b', true),
    ])
    const set = new Set([...x.keys()].filter((i) => i >= 16 && x[i] !== 0))
    expect(set).toEqual(expected)
    expect(named(x, 'e-mail known')).toBe(1)
  })

  it('keeps the slots of version 1: changing them would change what heads have learned', () => {
    // By an independent FNV-1a and murmur3 finaliser in Python.
    expect(traitSlotOf('plan', 'pro')).toBe(19)
    expect(traitSlotOf('country', 'Österreich')).toBe(35)
    expect(traitSlotOf('vip', true)).toBe(23)
  })

  it('spreads values evenly over the slots', () => {
    const slots = new Array<number>(48).fill(0)
    for (let i = 0; i < 4_800; i += 1) slots[traitSlotOf('city', `city ${i}`) - 16]! += 1
    expect(Math.min(...slots)).toBeGreaterThan(60)
    expect(Math.max(...slots)).toBeLessThan(140)
  })
})

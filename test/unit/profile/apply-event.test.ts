import { describe, expect, test } from 'vitest'
import type { Customer } from '#contracts/profile.ts'
import { applyEngagement, applyEvent } from '../../../src/profile/apply-event.ts'
import { eventNamesMax, traitsMax } from '../../../src/profile/profile.ts'
import { at, customer, dayMs, euro, event, track } from './support.ts'

const monday = at('2026-03-09T10:00:00Z')

function applied(...events: ReturnType<typeof event>[]): Customer {
  const own = customer(events[0]!.occurredAt)
  for (const one of events) applyEvent(own, one, euro)
  return own
}

describe('counts', () => {
  test('track counts under its name, page and screen under their kind, the rest not at all', () => {
    const { profile } = applied(
      track('Product Viewed', monday),
      event('page', monday, { name: 'Home' }),
      event('screen', monday, { name: 'Cart' }),
      event('identify', monday, { userId: 'u' }),
      event('group', monday, { groupId: 'g' }),
      event('alias', monday, { userId: 'u', previousId: 'p' }),
    )
    expect(Object.keys(profile.counts)).toEqual(['Product Viewed', 'page', 'screen'])
    expect(profile.counts['Product Viewed']).toEqual({
      total: 1,
      firstAt: monday,
      lastAt: monday,
      valueMicros: 0,
      // 9 March 2026 is day 20521 of the epoch: `date -ud 2026-03-09 +%s` is 1773014400.
      days: [[20521, 1, 0]],
    })
  })

  test('days stay in order when events come late, and those beyond the longest window go', () => {
    const { profile } = applied(
      track('a', monday),
      track('a', monday - 3 * dayMs),
      track('a', monday - 400 * dayMs),
      track('a', monday - 401 * dayMs),
      track('a', monday - 3 * dayMs),
    )
    expect(profile.counts.a).toMatchObject({ total: 5, firstAt: monday - 401 * dayMs, lastAt: monday })
    expect(profile.counts.a!.days).toEqual([
      [20521 - 400, 1, 0],
      [20518, 2, 0],
      [20521, 1, 0],
    ])
  })

  test('the value is revenue, else value, else total, in the reporting currency of the day', () => {
    const of = (properties: object, when = '2025-06-01') => {
      const { profile } = applied(track('Order Completed', when, properties as never))
      return profile.counts['Order Completed']!.valueMicros
    }
    expect(of({ revenue: 19.99, value: 5, total: 7 })).toBe(19_990_000)
    expect(of({ revenue: null, value: 5, total: 7 })).toBe(5_000_000)
    expect(of({ total: '7.50' })).toBe(7_500_000)
    expect(of({ revenue: 100, currency: 'USD' })).toBe(96_256_000)
    expect(of({ revenue: 100, currency: 'usd' }, '2024-06-01')).toBe(91_017_000)
    expect(of({ revenue: 100, currency: 'JPY' })).toBe(0)
    expect(of({ revenue: 'much' })).toBe(0)
    expect(of({ revenue: -20 })).toBe(-20_000_000)
  })

  test('names beyond the limit are counted together, those made up at run time first', () => {
    const own = customer(monday)
    for (let i = 0; i < 2 * eventNamesMax; i += 1) applyEvent(own, track(`Viewed item ${i}`, monday), euro)
    applyEvent(own, track('Order Completed', monday), euro)
    applyEngagement(own, 'click', monday)
    const { counts } = own.profile
    expect(Object.keys(counts)).toHaveLength(eventNamesMax + 1)
    expect(counts['Order Completed']?.total).toBe(1)
    expect(counts['Message Clicked']?.total).toBe(1)
    expect(counts['(other)']?.total).toBe(2 * eventNamesMax - (eventNamesMax - 2))
  })

  test('names of what every object has are names like others', () => {
    const { profile } = applied(
      track('constructor', monday),
      track('__proto__', monday),
      track('toString', monday),
    )
    expect(Object.keys(profile.counts).sort()).toEqual(['(other)', 'constructor', 'toString'])
    expect(Object.getPrototypeOf(profile.counts)).toBe(Object.prototype)
  })

  test('clicks and opens count; only a click is a sign of life', () => {
    const own = applied(track('a', monday))
    applyEngagement(own, 'open', monday + dayMs)
    expect(own.profile.lastSeenAt).toBe(monday)
    applyEngagement(own, 'click', monday + 2 * dayMs)
    expect(own.profile).toMatchObject({
      lastSeenAt: monday + 2 * dayMs,
      counts: { 'Message Opened': { total: 1 }, 'Message Clicked': { total: 1 } },
    })
  })
})

describe('traits', () => {
  test('an older event fills in and never overwrites', () => {
    const { profile } = applied(
      event('identify', monday, { traits: { plan: 'pro', email: 'New@Example.com ' } }),
      event('identify', monday - dayMs, { traits: { plan: 'free', email: 'old@example.com', city: 'Bern' } }),
    )
    expect(profile.traits).toEqual({ plan: 'pro', email: 'New@Example.com ', city: 'Bern' })
    expect(profile.email).toBe('new@example.com')
    expect(profile).toMatchObject({ firstSeenAt: monday - dayMs, lastSeenAt: monday })
  })

  test('a track event between does not make an identify late', () => {
    const { profile } = applied(
      event('identify', monday, { traits: { plan: 'free' } }),
      track('a', monday + 2000),
      event('identify', monday + 1000, { traits: { plan: 'pro' } }),
    )
    expect(profile.traits).toEqual({ plan: 'pro' })
  })

  test('context.traits count on every kind, traits of the same event win, those of a group do not count', () => {
    const { profile } = applied(
      event('identify', monday, {
        traits: { a: 1 },
        context: { traits: { a: 2, b: 2 } },
      }),
      event('track', monday + 1, { name: 'x', context: { traits: { c: 3 } } }),
      event('group', monday + 2, { groupId: 'g', traits: { name: 'Acme' } }),
    )
    expect(profile.traits).toEqual({ a: 1, b: 2, c: 3 })
  })

  test('an address goes when the newest one is none', () => {
    const { profile } = applied(
      event('identify', monday, { traits: { email: 'ada@example.com' } }),
      event('identify', monday + 1, { traits: { email: null } }),
    )
    expect(profile.email).toBeUndefined()
    for (const email of ['ada', 'a@b@c', 'a b@c', 'a@b\r\nBcc: x@y', 'a@b,c@d', 7, `${'a'.repeat(255)}@b`]) {
      expect(applied(event('identify', monday, { traits: { email } })).profile.email, String(email)).toBe(
        undefined,
      )
    }
  })

  test('new traits stop at the limit, known ones still change', () => {
    const many = Object.fromEntries(Array.from({ length: traitsMax + 5 }, (_, i) => [`t${i}`, i]))
    const { profile } = applied(
      event('identify', monday, { traits: many }),
      event('identify', monday + 1, { traits: { more: true, t0: 'changed' } }),
    )
    expect(Object.keys(profile.traits)).toHaveLength(traitsMax)
    expect(profile.traits).toMatchObject({ t0: 'changed' })
    expect(profile.traits.more).toBeUndefined()
  })

  test('a prototype key is no trait', () => {
    const traits = JSON.parse('{"__proto__":{"admin":true},"a":1}')
    const { profile } = applied(event('identify', monday, { traits }))
    expect(profile.traits).toEqual({ a: 1 })
    expect((profile.traits as { admin?: boolean }).admin).toBeUndefined()
  })
})

describe('zone and locale', () => {
  const zoneAfter = (...events: Parameters<typeof applied>) => applied(...events).profile.zone

  test('the newest valid zone of the device counts', () => {
    expect(zoneAfter(event('track', monday, { name: 'a', context: { timezone: 'Asia/Kolkata' } }))).toBe(
      'Asia/Kolkata',
    )
    expect(
      zoneAfter(
        event('track', monday, { name: 'a', context: { timezone: 'Asia/Kolkata' } }),
        event('track', monday + 1, { name: 'a', context: { timezone: 'Europe/Zurich' } }),
        event('track', monday - 1, { name: 'a', context: { timezone: 'America/New_York' } }),
      ),
    ).toBe('Europe/Zurich')
  })

  test('the zone in the traits wins over the device', () => {
    const identify = event('identify', monday, { traits: { timezone: 'Asia/Kathmandu', locale: 'ne-NP' } })
    const abroad = event('track', monday + 1, {
      name: 'a',
      context: { timezone: 'Europe/Zurich', locale: 'de-CH' },
    })
    expect(applied(identify, abroad).profile).toMatchObject({ zone: 'Asia/Kathmandu', locale: 'ne-NP' })
    expect(applied(abroad, identify).profile).toMatchObject({ zone: 'Asia/Kathmandu', locale: 'ne-NP' })
  })

  test('what is no IANA zone is ignored', () => {
    for (const timezone of ['Mars/Olympus', '+05:30', '', ' Europe/Zurich', 5, null, 'x'.repeat(100)]) {
      expect(zoneAfter(event('track', monday, { name: 'a', context: { timezone } }))).toBeUndefined()
    }
  })
})

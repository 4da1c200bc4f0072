import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Customer, Profile } from '#contracts/profile.ts'
import { applyEngagement, applyEvent } from '../../../src/profile/apply-event.ts'
import { mergeProfiles } from '../../../src/profile/merge-profiles.ts'
import { eventNamesMax, newProfile } from '../../../src/profile/profile.ts'
import { differingCounts, recountProfile, type StoredEvent } from '../../../src/profile/recount.ts'
import { at, customer, dayMs, engagement, euro, event, track } from './support.ts'

const start = at('2024-01-01')

const happened: fc.Arbitrary<StoredEvent> = fc
  .record({
    kind: fc.constantFrom(
      'track',
      'track',
      'page',
      'screen',
      'identify',
      'click',
      'open',
      'scanner' as const,
    ),
    name: fc.constantFrom('a', 'b', 'constructor', '(other)', '__proto__'),
    when: fc.oneof(fc.nat(900 * dayMs), fc.nat(3 * dayMs)),
    revenue: fc.option(fc.integer({ min: -50, max: 500 }), { nil: undefined }),
  })
  .map(({ kind, name, when, revenue }) => {
    const instant = start + when
    if (kind === 'scanner') return engagement('click', instant, { suspectedScanner: true })
    if (kind === 'click' || kind === 'open') return engagement(kind, instant)
    if (kind === 'track') return track(name, instant, revenue === undefined ? undefined : { revenue })
    return event(kind as 'page', instant, { traits: { plan: name } })
  })

function take(own: Customer, one: StoredEvent): void {
  if (one.kind === 'click' || one.kind === 'open') {
    if (!('suspectedScanner' in one.payload)) applyEngagement(own, one.kind, one.occurredAt)
  } else {
    applyEvent(own, one as Parameters<typeof applyEvent>[1], euro)
  }
}

/** Applies the events as they come, spread over customers who are then merged into the first, one by one. */
function incremental(
  events: { one: StoredEvent; of: number }[],
  customers: number,
  later: StoredEvent[],
): Profile {
  const all: Customer[] = []
  for (let i = 0; i < customers; i += 1) {
    const first = events.find(({ of }) => of === i) ?? events[0]!
    const own = customer(first.one.occurredAt)
    for (const { one, of } of events) if (of === i) take(own, one)
    all.push(own)
  }
  const [into, ...others] = all as [Customer, ...Customer[]]
  for (const other of others) into.profile = mergeProfiles(into.profile, other.profile)
  for (const one of later) take(into, one)
  return into.profile
}

test('replaying the events counts what was counted as they came, late ones and merges included', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ one: happened, of: fc.nat(2) }), { minLength: 1, maxLength: 40 }),
      fc.array(happened, { maxLength: 10 }),
      (before, later) => {
        const profile = incremental(before, 3, later)
        const events = [...before.map(({ one }) => one), ...later].sort((a, b) => a.occurredAt - b.occurredAt)
        const recounted = recountProfile(events, euro)!
        expect(sorted(recounted)).toEqual(sorted(profile))
        expect(differingCounts(profile, recounted, 0)).toEqual([])
      },
    ),
  )
})

test('the same where there are more names than are counted', () => {
  const name = fc
    .integer({ min: 0, max: 2 * eventNamesMax })
    .map((n) => (n % 2 === 0 ? `Item ${n}` : `Item ${'abcdefghij'[n % 10]}${'x'.repeat(n)}`))
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 300, maxLength: 420 }), fc.nat(), (names, seed) => {
      const events = names.flatMap((own, i) => [
        { one: track(own, start + ((i * 7919 + seed) % 1000) * 3_600_000), of: i % 2 },
        { one: track(own, start + ((i * 104_729 + seed) % 1000) * 3_600_000), of: i % 3 },
      ])
      const profile = incremental(events, 3, [])
      expect(Object.keys(profile.counts)).toHaveLength(eventNamesMax + 1)
      const ordered = events.map(({ one }) => one).sort((a, b) => a.occurredAt - b.occurredAt)
      expect(sorted(recountProfile(ordered, euro)!)).toEqual(sorted(profile))
    }),
    { numRuns: 20 },
  )
})

describe('differences', () => {
  const events = [track('a', '2026-03-01', { value: 3 }), track('a', '2026-03-05'), track('b', '2026-03-05')]

  test('a count that was changed behind our back is named', () => {
    const stored = recountProfile(events, euro)!
    const recounted = structuredClone(stored)
    stored.counts.a!.total += 1
    stored.counts.b!.days[0]![1] += 1
    stored.counts.c = structuredClone(stored.counts.b!)
    expect(differingCounts(stored, recounted, 0)).toEqual(['a', 'b', 'c'])
    expect(differingCounts(recounted, stored, 0)).toEqual(['a', 'b', 'c'])
  })

  test('of a name older than what is kept only the kept days are compared', () => {
    const stored = recountProfile(events, euro)!
    const keptFromDay = Math.floor(at('2026-03-03') / dayMs)
    const recounted = recountProfile(events.slice(1), euro)!
    expect(differingCounts(stored, recounted, keptFromDay)).toEqual([])
    expect(differingCounts(stored, recounted, 0)).toEqual(['a'])
    const forgotten = recountProfile(events.slice(2), euro)!
    expect(differingCounts(stored, forgotten, keptFromDay)).toEqual(['a'])
  })

  test('nothing comes of no events', () => expect(recountProfile([], euro)).toBeNull())
})

describe('merging', () => {
  test('counts add up, the canonical customer’s traits, zone and address win, missing ones are taken', () => {
    const user = customer('2026-03-05')
    applyEvent(
      user,
      event('identify', '2026-03-05', { traits: { plan: 'pro', email: 'a@example.com' } }),
      euro,
    )
    applyEvent(user, track('a', '2026-03-06', { value: 1 }), euro)
    const visitor = customer('2026-03-01')
    const context = {
      timezone: 'Asia/Kolkata',
      traits: { plan: 'none', source: 'ad', email: 'b@example.com' },
    }
    applyEvent(visitor, event('track', '2026-03-01', { name: 'a', context }), euro)
    applyEvent(visitor, track('b', '2026-03-09'), euro)
    user.profile.segments = { buyers: 5, vip: 3 }
    visitor.profile.segments = { buyers: 4, new: 9 }

    const merged = mergeProfiles(user.profile, visitor.profile)
    expect(merged).toMatchObject({
      traits: { plan: 'pro', email: 'a@example.com', source: 'ad' },
      email: 'a@example.com',
      zone: 'Asia/Kolkata',
      firstSeenAt: at('2026-03-01'),
      lastSeenAt: at('2026-03-09'),
      segments: { buyers: 4, vip: 3, new: 9 },
    })
    expect(merged.counts.a).toEqual({
      total: 2,
      firstAt: at('2026-03-01'),
      lastAt: at('2026-03-06'),
      valueMicros: 1_000_000,
      // 1 and 6 March 2026 are the days 20513 and 20518 of the epoch.
      days: [
        [20513, 1, 0],
        [20518, 1, 1_000_000],
      ],
    })
    // Both stay as they were, and share nothing with the merged one.
    merged.counts.b!.days[0]![1] = 99
    expect(visitor.profile.counts.b!.days[0]![1]).toBe(1)
    expect(user.profile.counts.b).toBeUndefined()
  })

  test('an identify that comes right after a merge still changes the user’s traits', () => {
    const user = customer('2026-03-01')
    applyEvent(user, event('identify', '2026-03-01', { traits: { plan: 'free' } }), euro)
    const visitor = customer('2026-03-02')
    applyEvent(
      visitor,
      event('page', '2026-03-02T00:00:05Z', { context: { traits: { source: 'ad' } } }),
      euro,
    )
    user.profile = mergeProfiles(user.profile, visitor.profile)
    applyEvent(user, event('identify', '2026-03-02T00:00:04Z', { traits: { plan: 'pro' } }), euro)
    expect(user.profile.traits).toEqual({ plan: 'pro', source: 'ad' })
  })

  test('with an empty profile nothing is lost', () => {
    const own = recountProfile([track('a', '2026-03-05')], euro)!
    const at5 = newProfile(at('2026-03-05'))
    expect(mergeProfiles(own, at5)).toEqual(own)
    expect(mergeProfiles(at5, own)).toEqual(own)
  })
})

function sorted({ counts }: Profile): Profile['counts'] {
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)))
}

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FeatureInput } from '#contracts/feature-schema.ts'
import type { Profile } from '#contracts/profile.ts'
import { builtInFeatureSchemas } from '#decision/feature-schemas.ts'
import { hashOf } from '#decision/feature-values.ts'
import { tailFeaturesMaxV3, tailSlotsV3 } from '#decision/features-v3.ts'

const dayMs = 86_400_000
const now = Date.UTC(2026, 0, 3, 17, 45)
const [v1, v3] = [builtInFeatureSchemas.get('v1')!, builtInFeatureSchemas.get('v3')!]

function inputOf(profile: Partial<Profile>, over: Partial<FeatureInput> = {}): FeatureInput {
  const whole = { traits: {}, firstSeenAt: now, lastSeenAt: now, counts: {}, segments: {}, ...profile }
  return { profile: whole, traits: [], contacts: [], now, zone: 'UTC', ...over }
}

const namesOf = (profile: Partial<Profile>, over: Partial<FeatureInput> = {}) =>
  v3.namedTail!(inputOf(profile, over)).map(({ name }) => name)

describe('the tail of v3', () => {
  it('has every trait by itself, those that are declared first, and nothing of who somebody is', () => {
    const traits = {
      ...{ zodiac: 'lion', plan: 'gold', age: 41, income: 52_000.5, debt: -1_024, tags: ['tea', 'cake'] },
      ...{ first_name: 'Ada', Email: 'ada@example.com', address: { country: 'NP', street: 'Durbar Marg' } },
      ...{ notes: 'x'.repeat(65), empty: '', none: null, billing: { Address: 'Durbar Marg 1' } },
    }
    expect(namesOf({ traits }, { traits: ['plan', 'gone'] })).toEqual([
      'trait plan=gold',
      'trait address.country=NP',
      'trait age=41',
      'trait debt~-2^10',
      'trait income~2^15',
      'trait tags=tea',
      'trait tags=cake',
      'trait zodiac=lion',
    ])
  })

  it('has nothing that a campaign watches over, declared, within it, or asked about', () => {
    const traits = { gender: 'f', origin: { country: 'NP' }, city: 'Oslo' }
    const over = {
      traits: ['gender'],
      watched: ['gender', 'origin'],
      request: { placement: 'home', context: { gender: 'f', page: 'start' } },
    }
    expect(namesOf({ traits }, over)).toEqual(['placement home', 'context page=start', 'trait city=Oslo'])
  })

  it('has events by how long ago, affinities by their share, and the newest items', () => {
    const counted = (daysAgo: number) => ({
      ...{ total: 1, firstAt: 0, lastAt: now - daysAgo * dayMs, valueMicros: 0 },
      days: [],
    })
    const profile = {
      counts: { Old: counted(90), Asked: counted(0.5), page: counted(1), 'Message Opened': counted(1) },
      affinities: { 'brand=Acme': { total: 1, lastAt: now }, 'category=Shoes': { total: 3, lastAt: now } },
      items: { viewed: { b: 1, a: 1, c: 2 }, added: {}, removed: { b: 3 }, bought: { pot: 1 } },
    }
    const named = v3.namedTail!(inputOf(profile))
    expect(named.map(({ name, value }) => [name, value])).toEqual([
      ['bought pot', 1],
      ['viewed c', 1],
      ['viewed a', 1],
      ['viewed b', 1],
      ['affinity category=Shoes', 0.75],
      ['affinity brand=Acme', 0.25],
      ['event Asked within 1 d', 1],
      ['event page within 7 d', 1],
      ['event Old earlier', 1],
    ])
  })

  it('stands where the hash of schema and name says, whoever asks', () => {
    const [plan] = v3.namedTail!(inputOf({ traits: { plan: 'gold' } }))
    expect(plan!.slot).toBe(hashOf('v3 trait plan', 'gold') % tailSlotsV3)
    expect(v3.tailSlotOf!('trait plan=gold')).toBe(plan!.slot)
    expect(v3.tailSlotOf!('plan=gold')).toBeNull()
  })
})

it('adds up what shares a slot: both names are known, and who has one of them has it alone', () => {
  const [one, other] = collidingShops()
  const slot = v3.tailSlotOf!(`trait shop=${one}`)!
  const tailOf = (...shops: string[]) => v3.vector(inputOf({ traits: { shop: shops } })).tail
  expect(tailOf(one, other)).toEqual({ slots: Uint32Array.of(slot), values: Float64Array.of(2) })
  expect(tailOf(other)).toEqual({ slots: Uint32Array.of(slot), values: Float64Array.of(1) })
  expect(namesOf({ traits: { shop: [one, other] } })).toEqual([`trait shop=${one}`, `trait shop=${other}`])
})

/** Two of a few hundred names share one of 65,536 slots. */
function collidingShops(): [string, string] {
  const bySlot = new Map<number, string>()
  for (let i = 0; ; i += 1) {
    const slot = v3.tailSlotOf!(`trait shop=s${i}`)!
    const known = bySlot.get(slot)
    if (known !== undefined) return [known, `s${i}`]
    bySlot.set(slot, `s${i}`)
  }
}

const counts = fc.record({
  ...{ total: fc.nat(1e9), firstAt: fc.nat(now), lastAt: fc.nat(now), valueMicros: fc.nat(1e9) },
  days: fc.constant([] as Profile['counts'][string]['days']),
})
const at = fc.dictionary(fc.string(), fc.nat(now), { maxKeys: 12 })
const profiles = fc.record({
  traits: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 40 }) as fc.Arbitrary<Profile['traits']>,
  ...{ firstSeenAt: fc.nat(now), lastSeenAt: fc.nat(now), segments: fc.constant({}) },
  counts: fc.dictionary(fc.string(), counts, { maxKeys: 20 }),
  affinities: fc.dictionary(fc.string(), fc.record({ total: fc.integer({ min: 1 }), lastAt: fc.nat(now) })),
  items: fc.record({ viewed: at, added: at, removed: at, bought: at }),
})

it('is bounded and the same in any order; the named features add up to it; the dense part is that of v1', () => {
  fc.assert(
    fc.property(profiles, fc.array(fc.string()), (profile, traits) => {
      const { dense, tail } = v3.vector(inputOf(profile, { traits }))
      expect(dense).toEqual(v1.vector(inputOf(profile, { traits })).dense)
      expect(tail.slots.length).toBeLessThanOrEqual(tailFeaturesMaxV3)
      expect(tail.slots.every((own, i) => own < tailSlotsV3 && (i === 0 || own > tail.slots[i - 1]!))).toBe(
        true,
      )
      const backwards = Object.fromEntries(
        Object.entries(profile).map(([key, value]) => [
          key,
          typeof value === 'object' ? Object.fromEntries(Object.entries(value).toReversed()) : value,
        ]),
      ) as unknown as Profile
      expect(v3.vector(inputOf(backwards, { traits: traits.toReversed() })).tail).toEqual(tail)
      const sums = new Map<number, number>()
      for (const { slot, value } of v3.namedTail!(inputOf(profile, { traits })))
        sums.set(slot, (sums.get(slot) ?? 0) + value)
      expect([...sums.keys()].sort((a, b) => a - b)).toEqual([...tail.slots])
      tail.slots.forEach((own, i) => {
        expect(sums.get(own)).toBeCloseTo(tail.values[i]!, 12)
      })
    }),
    { seed: 6 },
  )
})

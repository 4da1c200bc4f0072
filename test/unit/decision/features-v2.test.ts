import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FeatureInput } from '#contracts/feature-schema.ts'
import type { Profile } from '#contracts/profile.ts'
import { builtInFeatureSchemas } from '#decision/feature-schemas.ts'
import { featureNamesV2, featureVectorV2, tailSlotsV2 } from '#decision/features-v2.ts'

const dayMs = 86_400_000
/** A Saturday, 23:30 in Kathmandu. */
const now = Date.UTC(2026, 0, 3, 17, 45)
const today = Math.floor(now / dayMs)

function vectorOf(profile: Partial<Profile>, over: Partial<FeatureInput> = {}) {
  const whole: Profile = {
    traits: {},
    firstSeenAt: now,
    lastSeenAt: now,
    counts: {},
    segments: {},
    ...profile,
  }
  const {
    dense,
    tail: { slots: sparse },
  } = featureVectorV2({
    profile: whole,
    traits: [],
    contacts: [],
    now,
    zone: 'UTC',
    ...over,
  })
  return { named: (name: string) => dense[featureNamesV2.indexOf(name)]!, dense, sparse }
}

describe('features v2', () => {
  it('has 64 named dimensions at most, the first a constant, and never changes unnoticed', () => {
    expect(featureNamesV2).toHaveLength(64)
    expect(new Set(featureNamesV2).size).toBe(64)
    // Another hash means other features: make a new schema instead.
    expect(Object.fromEntries([...builtInFeatureSchemas].map(([name, { hash }]) => [name, hash]))).toEqual({
      v1: '7d8c10818aa77d07cf50c7e933a585c636eeb16da58b53a7754ae3b0f1246106',
      v2: 'fe60464cbf82434933f4464b12791624dd7373210013b172bcec4d90a0f138fa',
      v3: '63a0b02fbe20de0bfb0c405ddb10b1d99344c849cc99c3fc45433f11c9c629cf',
    })
  })

  it('counts by windows of UTC days', () => {
    const { named } = vectorOf({
      counts: {
        'Order Completed': {
          total: 5,
          firstAt: now - 300 * dayMs,
          lastAt: now - 29 * dayMs,
          valueMicros: 200_000_000,
          days: [
            [today - 90, 1, 10_000_000],
            [today - 89, 1, 20_000_000],
            [today - 29, 2, 30_000_000],
          ],
        },
      },
    })
    expect(named('orders in 90 days (log)')).toBeCloseTo(Math.log(4) / Math.log(31), 12)
    expect(named('orders (log)')).toBeCloseTo(Math.log(6) / Math.log(101), 12)
    expect(named('order value in 90 days (log)')).toBeCloseTo(Math.log(51) / Math.log(3_001), 12)
    expect(named('average order value (log)')).toBeCloseTo(Math.log(41) / Math.log(1_001), 12)
    expect(named('events in 30 days (log)')).toBeCloseTo(Math.log(3) / Math.log(501), 12)
    expect(named('active days in 30 days')).toBeCloseTo(1 / 30, 12)
    expect(named('freshness of the last order')).toBeCloseTo(1 - Math.log(30) / Math.log(366), 12)
    expect(named('freshness of the last click')).toBe(0)
  })

  it('reads the day of the week in the customer’s zone', () => {
    const { named } = vectorOf({}, { zone: 'Pacific/Auckland' })
    expect(named('day of week (sine)')).toBeCloseTo(0, 12)
    expect(named('day of week (cosine)')).toBeCloseTo(1, 12)
    expect(named('weekend')).toBe(1)
  })

  it('counts an affinity by its share and its freshness', () => {
    const affinities = {
      'category=Shoes': { total: 3, lastAt: now },
      'brand=Acme': { total: 1, lastAt: now - 400 * dayMs },
    }
    const { named, dense, sparse } = vectorOf({ affinities })
    expect(named('share of the favourite affinity')).toBe(0.75)
    const slots = featureNamesV2.flatMap((name, place) =>
      name.startsWith('affinity slot') ? [dense[place]!] : [],
    )
    expect(slots.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0.75, 12)
    expect(sparse).toHaveLength(2)
  })

  it('puts numbers by logarithm, everything else one-hot', () => {
    const traits = ['age', 'plan', 'none']
    const young = vectorOf({ traits: { age: 9, plan: 'gold' } }, { traits })
    const numbers = featureNamesV2.flatMap((name, i) =>
      name.startsWith('number slot') ? [young.dense[i]!] : [],
    )
    expect(Math.max(...numbers)).toBeCloseTo(Math.log(10) / Math.log(1_000_001), 12)
    const ones = featureNamesV2.filter((name, i) => name.startsWith('category slot') && young.dense[i] === 1)
    expect(ones).toHaveLength(1)
    expect(young.sparse).toHaveLength(1)
    expect(vectorOf({ traits: { plan: 'free' } }, { traits }).sparse).not.toEqual(young.sparse)
  })

  it('stays within bounds, whatever the profile holds', () => {
    const counts = fc.record({
      total: fc.nat(1e9),
      firstAt: fc.integer({ min: 0, max: now }),
      lastAt: fc.integer({ min: 0, max: now + dayMs }),
      valueMicros: fc.integer({ min: -1e12, max: 1e15 }),
      days: fc.constant([[today, 4, 5]] as [number, number, number][]),
    })
    const affinity = fc.record({
      total: fc.integer({ min: 1, max: 1e6 }),
      lastAt: fc.integer({ min: 0, max: now }),
    })
    const profile = fc.record({
      traits: fc.dictionary(fc.constantFrom('a', 'b'), fc.jsonValue()) as fc.Arbitrary<Profile['traits']>,
      firstSeenAt: fc.integer({ min: 0, max: now }),
      lastSeenAt: fc.integer({ min: 0, max: now }),
      counts: fc.dictionary(fc.string(), counts),
      segments: fc.constant({}),
      affinities: fc.dictionary(fc.string(), affinity),
    })
    fc.assert(
      fc.property(profile, (own) => {
        const { dense, sparse } = vectorOf(own, { traits: ['a', 'b'] })
        expect(dense.every((value) => value >= -1 && value <= 1)).toBe(true)
        expect(sparse.every((slot, i) => slot < tailSlotsV2 && (i === 0 || slot > sparse[i - 1]!))).toBe(true)
      }),
      { seed: 4 },
    )
  })
})

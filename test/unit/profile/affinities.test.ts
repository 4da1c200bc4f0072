import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Profile } from '#contracts/profile.ts'
import { addAffinities, countAffinities } from '../../../src/profile/affinities.ts'
import { compileCondition } from '../../../src/profile/condition.ts'
import { affinitiesMax, newProfile } from '../../../src/profile/profile.ts'

test('category, brand and offer of an event and of its products count once each', () => {
  const profile = newProfile(0)
  const products = [{ category: 'Tea' }, { category: 'Tea', brand: 'Acme' }, 7, null]
  countAffinities(profile, { category: 'Drinks', offer: 'spring', products }, 5)
  countAffinities(profile, { category: 'Tea', brand: 7, name: 'x' }, 3)
  countAffinities(profile, { category: 'x'.repeat(65) }, 4)
  expect(profile.affinities).toEqual({
    'category=Drinks': { total: 1, lastAt: 5 },
    'offer=spring': { total: 1, lastAt: 5 },
    'category=Tea': { total: 2, lastAt: 5 },
    'brand=Acme': { total: 1, lastAt: 5 },
  })
})

test('the result depends neither on order nor on who was merged when', () => {
  const event = fc.record({ category: fc.integer({ min: 0, max: 80 }).map(String), at: fc.nat(100) })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), fc.nat(200), (events, cut) => {
      const count = (own: typeof events): Profile => {
        const profile = newProfile(0)
        for (const { category, at } of own) countAffinities(profile, { category }, at)
        return profile
      }
      const whole = count(events)
      const merged = count(events.slice(cut).toReversed())
      addAffinities(merged, count(events.slice(0, cut)))
      expect(merged.affinities ?? {}).toEqual(whole.affinities ?? {})
      expect(Object.keys(whole.affinities ?? {}).length).toBeLessThanOrEqual(affinitiesMax)
    }),
    { seed: 6 },
  )
})

test('a condition on a score holds from its bound on, and for nobody without one', () => {
  const profile = { ...newProfile(0), scores: { conversion: 0.3 } }
  const holds = (condition: Parameters<typeof compileCondition>[0], own: Profile = profile) =>
    compileCondition(condition)({ profile: own, now: 0 })
  expect(holds({ score: 'conversion', atLeast: 0.3 })).toBe(true)
  expect(holds({ score: 'conversion', atLeast: 0.31 })).toBe(false)
  expect(holds({ score: 'conversion', below: 0.3 })).toBe(false)
  expect(holds({ score: 'conversion', atLeast: 0.2, below: 0.4 })).toBe(true)
  expect(holds({ score: 'churn', below: 0.9 })).toBe(false)
  expect(holds({ score: 'conversion', atLeast: 0 }, newProfile(0))).toBe(false)
})

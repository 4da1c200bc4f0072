import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Profile } from '#contracts/profile.ts'
import { mergeProfiles } from '../../../src/profile/merge-profiles.ts'
import { interestItemsMax, noteInterest } from '../../../src/profile/product-interest.ts'
import { newProfile } from '../../../src/profile/profile.ts'

/** Bodies as the documents of their makers have them, shortened. */
test('knows the events of Segment and of GA4', () => {
  const profile = newProfile(0)
  const segment = { product_id: '507f1f77bcf86cd799439011', sku: 'G-32', name: 'Monopoly' }
  noteInterest(profile, 'Product Viewed', segment, 10)
  noteInterest(profile, 'Product Added', { ...segment, quantity: 1 }, 20)
  const ga4 = {
    currency: 'USD',
    value: 7.77,
    items: [{ item_id: 'SKU_12345', item_name: 'Shirt' }, { item_id: 7 }],
  }
  noteInterest(profile, 'add_to_cart', ga4, 30)
  noteInterest(profile, 'Order Completed', { products: [segment, { sku: 'G-33' }] }, 40)
  expect(profile.items).toEqual({
    viewed: { '507f1f77bcf86cd799439011': 10 },
    added: { '507f1f77bcf86cd799439011': 20, SKU_12345: 30, '7': 30 },
    removed: { '507f1f77bcf86cd799439011': 40, 'G-33': 40 },
    bought: { '507f1f77bcf86cd799439011': 40, 'G-33': 40 },
  })
})

test('other events and ids that are none leave no trace', () => {
  const profile = newProfile(0)
  noteInterest(profile, 'Cart Viewed', { product_id: 'a' }, 1)
  noteInterest(profile, 'toString', { product_id: 'a' }, 1)
  noteInterest(profile, 'Product Viewed', { product_id: '' }, 1)
  noteInterest(profile, 'Product Viewed', { product_id: '__proto__' }, 1)
  noteInterest(profile, 'Product Viewed', { product_id: 'x'.repeat(129) }, 1)
  noteInterest(profile, 'Product Viewed', { products: 'all' }, 1)
  expect(profile.items).toBeUndefined()
})

const event = fc.record({
  name: fc.constantFrom('Product Viewed', 'Product Added', 'Product Removed', 'Order Completed'),
  id: fc.integer({ min: 0, max: 40 }).map(String),
  at: fc.integer({ min: 0, max: 60 }),
})

const profileOf = (events: { name: string; id: string; at: number }[]): Profile => {
  const profile = newProfile(0)
  for (const { name, id, at } of events) noteInterest(profile, name, { product_id: id }, at)
  return profile
}

test('neither order nor merges matter, and no kind grows beyond its bound', () => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 80 }),
      fc.array(fc.boolean()),
      fc.nat(),
      (events, sides, turn) => {
        const whole = profileOf(events)
        for (const own of Object.values(whole.items ?? {}))
          expect(Object.keys(own).length).toBeLessThanOrEqual(interestItemsMax)
        const from = events.length === 0 ? 0 : turn % events.length
        const turned = [...events.slice(from), ...events.slice(0, from)].toReversed()
        expect(profileOf(turned).items).toEqual(whole.items)
        const [a, b] = [true, false].map((side) =>
          profileOf(events.filter((_, i) => (sides[i] ?? false) === side)),
        )
        expect(mergeProfiles(a!, b!).items).toEqual(whole.items)
      },
    ),
  )
})

import type { Item } from '#contracts/item.ts'

/** An item of the category Tea that can be had. */
export function teaItem(id: string): Item {
  return {
    id,
    name: id,
    priceMicros: 1_000_000,
    currency: 'EUR',
    stock: 3,
    imageUrl: '',
    link: '',
    categories: ['Tea'],
    validFrom: 0,
    validUntil: null,
    rank: 0,
    attributes: { strong: true },
  }
}

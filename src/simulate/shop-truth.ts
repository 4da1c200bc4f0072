import type { Shop, ShopCustomer } from './shop.ts'

/** A row of the population that uplift counts. */
export interface ShopAssignment {
  userId: string
  heldOut: boolean
  enteredAt: number
}

export interface ShopTruth {
  /**
   * Mean over the treated of what they did less what they would have done without messages: the difference
   * of potential outcomes under the treatments given.
   */
  addedConversionRate: number
  treated: number
  heldOut: number
}

/** The planted truth for the goal "a purchase within the window from the row on". */
export function shopTruth(shop: Shop, assignments: ShopAssignment[], windowMs: number): ShopTruth {
  let added = 0
  let treated = 0
  for (const { userId, heldOut, enteredAt } of assignments) {
    if (heldOut) continue
    const customer = shop.byUserId.get(userId)
    if (customer === undefined) continue
    treated += 1
    const within = (at: number): boolean => at >= enteredAt && at <= enteredAt + windowMs
    if (customer.prompted.some(within) && !customer.unprompted.some(within)) added += 1
  }
  return {
    addedConversionRate: treated === 0 ? 0 : added / treated,
    treated,
    heldOut: assignments.length - treated,
  }
}

/** Everybody who ever got a message against everybody else: what a shop without a holdout would look at. */
export function sentAgainstUnsent(shop: Shop): {
  sent: { n: number; conversions: number }
  unsent: { n: number; conversions: number }
} {
  const tally = (customers: ShopCustomer[]) => ({
    n: customers.length,
    conversions: customers.filter((customer) => customer.prompted.length + customer.unprompted.length > 0)
      .length,
  })
  return {
    sent: tally(shop.customers.filter((customer) => customer.messages > 0)),
    unsent: tally(shop.customers.filter((customer) => customer.messages === 0)),
  }
}

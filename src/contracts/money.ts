/** Money is integer micros (one millionth of the unit) with an ISO 4217 code. */
export interface Money {
  micros: number
  currency: string
}

/** A decimal amount as people write it, to micros: 29.99 becomes 29_990_000. */
export function microsOf(amount: number): number {
  return Math.round(amount * 1_000_000)
}

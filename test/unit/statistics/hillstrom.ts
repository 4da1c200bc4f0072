import type { JointSums } from '#statistics/mean-moments.ts'

interface HillstromArm {
  visit: { n: number; conversions: number }
  conversion: { n: number; conversions: number }
  /** y is spend, x is history; both in micros of a dollar. */
  spendWithHistory: JointSums<bigint>
}

/**
 * Per-arm sums of MineThatData's e-mail challenge (Hillstrom 2008, 64,000 customers), counted once from
 * the public CSV with decimal arithmetic.
 */
export const HILLSTROM: Record<'none' | 'mens' | 'womens', HillstromArm> = {
  none: {
    visit: { n: 21306, conversions: 2262 },
    conversion: { n: 21306, conversions: 122 },
    spendWithHistory: {
      n: 21306,
      sumY: 13908330000n,
      sumOfSquaresY: 2870050362100000000n,
      sumX: 5132245810000n,
      sumOfSquaresX: 2597172414556300000000n,
      sumOfProducts: 4267933839900000000n,
    },
  },
  mens: {
    visit: { n: 21307, conversions: 3894 },
    conversion: { n: 21307, conversions: 267 },
    spendWithHistory: {
      n: 21307,
      sumY: 30311690000n,
      sumOfSquaresY: 6759024497300000000n,
      sumX: 5174105180000n,
      sumOfSquaresX: 2700687619275200000000n,
      sumOfProducts: 9857526258600000000n,
    },
  },
  womens: {
    visit: { n: 21387, conversions: 3238 },
    conversion: { n: 21387, conversions: 189 },
    spendWithHistory: {
      n: 21387,
      sumY: 23038110000n,
      sumOfSquaresY: 4911446576300000000n,
      sumX: 5187130980000n,
      sumOfSquaresX: 2652326978521000000000n,
      sumOfProducts: 7513096192300000000n,
    },
  },
}

import type { DrawPolicy } from '../draw-policy.ts'
import { inverseGapInto } from '../inverse-gap.ts'

/** The default: what is close to the best is tried, the less the more was learned. */
export const policy: DrawPolicy<'inverse-gap'> = {
  kind: 'inverse-gap',
  needsSpread: false,
  gamma: ({ gammaScale }, t) => gammaScale * Math.sqrt(t),
  write(into, { scores, count, t }, { gammaScale, floor }) {
    inverseGapInto(into, scores, count, gammaScale * Math.sqrt(t), floor)
  },
}

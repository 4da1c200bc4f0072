import type { DrawPolicy } from '../draw-policy.ts'

/**
 * Scores play no part: "nothing" has its share and the candidates the rest in equal parts. A log that any
 * other policy can be evaluated on. (A split of customers instead of decisions is an experiment.)
 */
export const policy: DrawPolicy<'fixed-split'> = {
  kind: 'fixed-split',
  needsSpread: false,
  gamma: () => 0,
  write(into, { count }, { nothing }) {
    if (count === 1) {
      into[0] = 1
      return
    }
    for (let a = 0; a < count - 1; a += 1) into[a] = (1 - nothing) / (count - 1)
    into[count - 1] = nothing
  },
}

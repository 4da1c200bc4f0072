import type { DrawPolicy } from '../draw-policy.ts'

/** The best score, the first of several, but for the floor that is spread evenly. */
export const policy: DrawPolicy<'greedy'> = {
  kind: 'greedy',
  needsSpread: false,
  gamma: () => 0,
  write(into, { scores, count }, { floor }) {
    let best = 0
    for (let a = 1; a < count; a += 1) if (scores[a]! > scores[best]!) best = a
    const even = floor / count
    for (let a = 0; a < count; a += 1) into[a] = even
    into[best] = 1 - floor + even
  },
}

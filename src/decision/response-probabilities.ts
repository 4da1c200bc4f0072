import type { CampaignHeads } from './campaign-heads.ts'

/**
 * `σ(w·x)` of one group of four heads. Each dot product adds its terms one after the other in the order of
 * the features, those of features that are 0 left out, which is part of the engine version: a replay must give the same bits. Four heads at once
 * hide the latency of an addition and load each feature once: 29 ns a head, 52 ns one by one (64 features).
 *
 * @param features x, shape (D)
 * @param group number of the group
 * @param into gets the four probabilities, from `at` on
 */
export function responseProbabilities(
  { weights }: CampaignHeads,
  features: Float64Array,
  group: number,
  into: Float64Array,
  at: number,
): void {
  const dimensions = features.length
  let next = group * 4 * dimensions
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  for (let i = 0; i < dimensions; i += 1) {
    const x = features[i]!
    // Of the 48 trait slots at least two thirds are empty.
    if (x === 0) {
      next += 4
      continue
    }
    a += weights[next]! * x
    b += weights[next + 1]! * x
    c += weights[next + 2]! * x
    d += weights[next + 3]! * x
    next += 4
  }
  into[at] = logistic(a)
  into[at + 1] = logistic(b)
  into[at + 2] = logistic(c)
  into[at + 3] = logistic(d)
}

function logistic(z: number): number {
  return 1 / (1 + Math.exp(-z))
}

/**
 * Inverse-gap weighting (SquareCB; Foster & Rakhlin 2020, arXiv 2002.04926) with a floor by mixture:
 * `p(a) = 1/(K + γ·(s_best − s_a))`, the rest to the best, then `p ← (1 − floor)·p + floor/K`.
 * Ties for the best go to the first in order.
 *
 * @param scores s, shape (K), each in units of the bound; the order is the order of the draw
 * @param gamma γ = 1000·√t
 * @param floor share that is spread evenly, in [0, 1]
 * @returns p, shape (K), sums to 1
 */
export function inverseGapProbabilities(
  scores: ArrayLike<number>,
  gamma: number,
  floor: number,
): Float64Array {
  const probabilities = new Float64Array(scores.length)
  inverseGapInto(probabilities, scores, scores.length, gamma, floor)
  return probabilities
}

/** The same over the first `count` scores, into an array that is there already. */
export function inverseGapInto(
  probabilities: Float64Array,
  scores: ArrayLike<number>,
  count: number,
  gamma: number,
  floor: number,
): void {
  let best = 0
  for (let a = 1; a < count; a += 1) if (scores[a]! > scores[best]!) best = a
  const bestScore = scores[best]!
  const even = floor / count
  let others = 0
  for (let a = 0; a < count; a += 1) {
    if (a === best) continue
    const probability = 1 / (count + gamma * (bestScore - scores[a]!))
    others += probability
    probabilities[a] = (1 - floor) * probability + even
  }
  probabilities[best] = (1 - floor) * (1 - others) + even
}

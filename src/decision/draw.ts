/** Index that a uniform number falls on. Where rounding leaves a rest at the end, the last one possible. */
export function draw(probabilities: ArrayLike<number>, count: number, uniform: number): number {
  let below = 0
  let last = 0
  for (let i = 0; i < count; i += 1) {
    const probability = probabilities[i]!
    if (probability <= 0) continue
    below += probability
    if (uniform < below) return i
    last = i
  }
  return last
}

/**
 * Weights of hashed sparse features beside a head: too many for a full covariance (it costs D² a reward), and
 * each mostly absent. Slots that features share share a weight.
 */
export interface SparseTail {
  /** w, one per slot. */
  weights: Float64Array
  /** Σg² per slot, what its step has shrunk by. */
  squares: Float64Array
}

/** Features of one customer: those from `from` up to `to` of two arrays that may hold many customers'. */
export interface SparseFeatures {
  slots: Int32Array
  values: Float64Array
  from: number
  to: number
}

/** A first step of a feature at 1 and a surprise of 1 moves the logit by this over √2. */
const stepSize = 0.3
/** Σg² starts here, so that the first surprise is not a whole step whatever its size. */
const squaresStart = 1

export function createSparseTail(slots: number): SparseTail {
  return { weights: new Float64Array(slots), squares: new Float64Array(slots).fill(squaresStart) }
}

/** xᵀw over the tail: add it to the head's own. */
export function tailProduct({ weights }: SparseTail, { slots, values, from, to }: SparseFeatures): number {
  let sum = 0
  for (let i = from; i < to; i += 1) sum += weights[slots[i]!]! * values[i]!
  return sum
}

/**
 * Diagonal AdaGrad on the logistic loss (Duchi, Hazan & Singer 2011), for each feature present:
 *
 *     g = (p − y)·x,  s ← s + g²,  w ← w − α·g/√s
 *
 * @param surprise y − p, p of head and tail together before either learned
 */
export function teachTail(
  { weights, squares }: SparseTail,
  { slots, values, from, to }: SparseFeatures,
  surprise: number,
): void {
  for (let i = from; i < to; i += 1) {
    const slot = slots[i]!
    const step = surprise * values[i]!
    squares[slot]! += step * step
    weights[slot]! += (stepSize * step) / Math.sqrt(squares[slot]!)
  }
}

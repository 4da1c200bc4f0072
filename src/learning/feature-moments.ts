/**
 * What customers look like on average: the second moment E[xxᵀ] of the feature vectors that were learned from,
 * as a sum and a count. `sums` is the lower triangle row by row, as a head's covariance.
 */
export interface FeatureMoments {
  count: number
  /** Σxxᵀ, D(D+1)/2 numbers. */
  sums: Float64Array
}

export function createFeatureMoments(dimensions: number): FeatureMoments {
  return { count: 0, sums: new Float64Array((dimensions * (dimensions + 1)) / 2) }
}

/** Takes in one feature vector x, shape (D); features at 0 cost nothing. */
export function addToMoments(moments: FeatureMoments, x: Float64Array): void {
  const { sums } = moments
  moments.count += 1
  for (let i = 0, row = 0; i < x.length; i += 1, row += i) {
    const xi = x[i]!
    if (xi === 0) continue
    for (let j = 0; j <= i; j += 1) sums[row + j]! += xi * x[j]!
  }
}

/** Mean of xᵀPx over the customers seen, tr(P·E[xxᵀ]); 0 before the first. */
export function meanVariance(covariance: Float64Array, { count, sums }: FeatureMoments): number {
  let diagonal = 0
  let all = 0
  for (let at = 0, i = 0, nextDiagonal = 0; at < sums.length; at += 1) {
    const term = covariance[at]! * sums[at]!
    all += term
    if (at !== nextDiagonal) continue
    diagonal += term
    i += 1
    nextDiagonal += i + 1
  }
  return count === 0 ? 0 : Math.max(0, 2 * all - diagonal) / count
}

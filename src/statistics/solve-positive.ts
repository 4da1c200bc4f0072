/**
 * Solves Ax = b for a symmetric positive definite A through its Cholesky factor, D³/3 operations.
 *
 * @param matrix lower triangle of A row by row, D(D+1)/2 numbers: element (i, j ≤ i) at i(i+1)/2 + j
 * @returns x of length D; null where A is not positive definite
 */
export function solvePositive(matrix: Float64Array, right: Float64Array): Float64Array | null {
  const dimensions = right.length
  const factor = matrix.slice()
  const solution = right.slice()
  for (let i = 0, row = 0; i < dimensions; row += i + 1, i += 1) {
    for (let j = 0, other = 0; j <= i; other += j + 1, j += 1) {
      let sum = factor[row + j]!
      for (let k = 0; k < j; k += 1) sum -= factor[row + k]! * factor[other + k]!
      if (i !== j) factor[row + j] = sum / factor[other + j]!
      else if (sum > 0) factor[row + i] = Math.sqrt(sum)
      else return null
    }
    // Forward: Lz = b, as soon as a row of L stands.
    let rest = solution[i]!
    for (let k = 0; k < i; k += 1) rest -= factor[row + k]! * solution[k]!
    solution[i] = rest / factor[row + i]!
  }
  // Backward: Lᵀx = z.
  for (let i = dimensions - 1; i >= 0; i -= 1) {
    let rest = solution[i]!
    for (let k = i + 1; k < dimensions; k += 1) rest -= factor[(k * (k + 1)) / 2 + i]! * solution[k]!
    solution[i] = rest / factor[(i * (i + 3)) / 2]!
  }
  return solution
}

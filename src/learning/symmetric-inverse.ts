/**
 * Inverse of a symmetric positive definite matrix through its Cholesky factor, D³ operations.
 * In and out: the lower triangle row by row, D(D+1)/2 numbers. Null when the matrix is not positive
 * definite.
 */
export function symmetricInverse(matrix: Float64Array, dimensions: number): Float64Array | null {
  const factor = choleskyFactor(matrix, dimensions)
  if (factor === null) return null
  const lower = invertLower(factor, dimensions)
  // A = LLᵀ, so A⁻¹ = (L⁻¹)ᵀL⁻¹.
  const inverse = new Float64Array(matrix.length)
  for (let i = 0; i < dimensions; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = 0
      for (let k = i; k < dimensions; k += 1) sum += lower[at(k, i)]! * lower[at(k, j)]!
      inverse[at(i, j)] = sum
    }
  }
  return inverse
}

function choleskyFactor(matrix: Float64Array, dimensions: number): Float64Array | null {
  const factor = new Float64Array(matrix.length)
  for (let i = 0; i < dimensions; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = matrix[at(i, j)]!
      for (let k = 0; k < j; k += 1) sum -= factor[at(i, k)]! * factor[at(j, k)]!
      if (i !== j) factor[at(i, j)] = sum / factor[at(j, j)]!
      else if (sum > 0) factor[at(i, i)] = Math.sqrt(sum)
      else return null
    }
  }
  return factor
}

function invertLower(factor: Float64Array, dimensions: number): Float64Array {
  const inverse = new Float64Array(factor.length)
  for (let j = 0; j < dimensions; j += 1) {
    inverse[at(j, j)] = 1 / factor[at(j, j)]!
    for (let i = j + 1; i < dimensions; i += 1) {
      let sum = 0
      for (let k = j; k < i; k += 1) sum -= factor[at(i, k)]! * inverse[at(k, j)]!
      inverse[at(i, j)] = sum / factor[at(i, i)]!
    }
  }
  return inverse
}

/** Index of (row, column ≤ row). */
function at(row: number, column: number): number {
  return (row * (row + 1)) / 2 + column
}

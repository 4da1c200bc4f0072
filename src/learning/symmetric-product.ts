/**
 * Px of a symmetric matrix that is kept as its lower triangle, row by row; what is 0 in x costs nothing.
 *
 * @param into gets the product, shape (D)
 */
export function symmetricProduct(triangle: Float64Array, x: Float64Array, into: Float64Array): void {
  into.fill(0)
  for (let j = 0; j < x.length; j += 1) {
    const xj = x[j]!
    if (xj === 0) continue
    const row = (j * (j + 1)) / 2
    for (let i = 0; i <= j; i += 1) into[i]! += triangle[row + i]! * xj
    for (let i = j + 1, at = row + j + 1 + j; i < x.length; i += 1, at += i) into[i]! += triangle[at]! * xj
  }
}

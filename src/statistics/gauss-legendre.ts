export interface Quadrature {
  nodes: Float64Array
  /** Sum to 1. */
  weights: Float64Array
}

/**
 * Gauss-Legendre quadrature on [0, 1]: exact for polynomials up to degree 2n − 1. The nodes are the roots of
 * the Legendre polynomial by Newton's method from Chebyshev's (Press et al., Numerical Recipes, 4.6).
 */
export function gaussLegendre(points: number): Quadrature {
  const nodes = new Float64Array(points)
  const weights = new Float64Array(points)
  for (let i = 0; i < points; i += 1) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (points + 0.5))
    let slope = 0
    for (let step = 0; step < 100; step += 1) {
      let before = 1
      let value = x
      for (let degree = 2; degree <= points; degree += 1) {
        const next = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree
        before = value
        value = next
      }
      slope = (points * (x * value - before)) / (x * x - 1)
      const change = value / slope
      x -= change
      if (Math.abs(change) < 1e-15) break
    }
    nodes[points - 1 - i] = (1 + x) / 2
    weights[points - 1 - i] = 1 / ((1 - x * x) * slope * slope)
  }
  return { nodes, weights }
}

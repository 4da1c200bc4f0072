/**
 * Holm's step-down p-values (Holm 1979), in the order given: the chance of even one false finding stays
 * below alpha. For verdicts.
 */
export function holm(pValues: readonly number[]): number[] {
  const adjusted = new Array<number>(pValues.length)
  let largest = 0
  ascending(pValues).forEach(({ p, index }, rank) => {
    largest = Math.min(1, Math.max(largest, p * (pValues.length - rank)))
    adjusted[index] = largest
  })
  return adjusted
}

/**
 * Benjamini & Hochberg's step-up p-values (1995), in the order given: the expected share of false ones
 * among the findings stays below alpha. For exploration.
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  const adjusted = new Array<number>(pValues.length)
  let smallest = 1
  for (const [rank, { p, index }] of [...ascending(pValues).entries()].reverse()) {
    smallest = Math.min(smallest, (p * pValues.length) / (rank + 1))
    adjusted[index] = smallest
  }
  return adjusted
}

function ascending(pValues: readonly number[]): { p: number; index: number }[] {
  return pValues.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p)
}

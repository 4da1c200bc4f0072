import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'

test('the same seed gives the same numbers, another half of a seed gives others', () => {
  const take = (high: number, low: number) => {
    const random = createSeededRandom(high, low)
    return Array.from({ length: 5 }, () => random.next())
  }
  expect(take(7, 9)).toEqual(take(7, 9))
  expect(take(7, 9)).not.toEqual(take(7, 10))
  expect(take(7, 9)).not.toEqual(take(8, 9))
})

test.each([
  ['the high half', (i: number) => createSeededRandom(i, 1)],
  ['the low half', (i: number) => createSeededRandom(1, i)],
])('the first number is uniform over seeds that differ in %s only', (_, make) => {
  const counts = new Array<number>(20).fill(0)
  const seeds = 20_000
  for (let i = 0; i < seeds; i++) counts[Math.floor(make(i).next() * 20)]! += 1
  const expected = seeds / 20
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  // Quantile .999 of χ² with 19 degrees of freedom (R: qchisq(.999, 19)).
  expect(chiSquare).toBeLessThan(43.82)
})

test('a long run is uniform and its neighbours are uncorrelated', () => {
  const random = createSeededRandom(1, 2)
  const n = 100_000
  let sum = 0
  let products = 0
  let before = random.next()
  for (let i = 0; i < n; i++) {
    const next = random.next()
    sum += next
    products += (before - 0.5) * (next - 0.5)
    before = next
  }
  // Five standard errors: 1/√12n and 1/(12√n).
  expect(Math.abs(sum / n - 0.5)).toBeLessThan(5 / Math.sqrt(12 * n))
  expect(Math.abs(products / n)).toBeLessThan(5 / (12 * Math.sqrt(n)))
})

import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { type VariantDraw, variantDifference } from '#statistics/variant-difference.ts'

/** Draws whose probabilities follow what was seen, as the variant stage's do: never below .05 of the weight. */
function stream(seed: number, count: number, rates: { champion: number; challenger: number }): VariantDraw[] {
  const random = createSeededRandom(seed)
  const seen = { champion: [1, 20], challenger: [1, 20] } as Record<
    'champion' | 'challenger',
    [number, number]
  >
  return Array.from({ length: count }, () => {
    const leads = seen.challenger[0] / seen.challenger[1] > seen.champion[0] / seen.champion[1]
    const challengerProbability = leads ? 0.9 : 0.1
    const drawn = random.next() < challengerProbability ? 'challenger' : 'champion'
    const reward = random.next() < rates[drawn] ? 1 : 0
    seen[drawn][0] += reward
    seen[drawn][1] += 1
    return { drawn, championProbability: 1 - challengerProbability, challengerProbability, reward }
  })
}

test('by hand: three draws', () => {
  const draw = { championProbability: 0.5, challengerProbability: 0.25 }
  const found = variantDifference([
    { ...draw, drawn: 'champion', reward: 1 },
    { ...draw, drawn: 'challenger', reward: 0 },
    { ...draw, drawn: 'other', reward: 1 },
  ])
  // m₀: 1/20, then (1 + 2)/(20 + 2); m₁: 1/20, and after the second draw 1/(20 + 4).
  const phi = [-(1 - 0.05) / 0.5, 0.05 - 3 / 22 + (0 - 0.05) / 0.25, 1 / 24 - 3 / 22]
  const mean = (phi[0]! + phi[1]! + phi[2]!) / 3
  const variance = phi.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2
  expect(found.estimate).toBeCloseTo(mean, 12)
  expect(found.standardError).toBeCloseTo(Math.sqrt(variance / 3), 12)
  expect(found.champion).toEqual({ draws: 1, conversions: 1, rate: 1, effectiveRows: 1 })
  expect(found).toMatchObject({ draws: 3, guard: { kind: 'too-early' }, interval: null })
})

test('the difference is found although the better one was drawn ever more often', () => {
  const estimates = Array.from({ length: 100 }, (_, seed) =>
    variantDifference(stream(seed, 2_000, { champion: 0.1, challenger: 0.15 })),
  )
  const mean = estimates.reduce((sum, { estimate }) => sum + estimate, 0) / estimates.length
  const standardError = Math.sqrt(estimates.reduce((sum, own) => sum + own.standardError ** 2, 0)) / 100
  expect(Math.abs(mean - 0.05)).toBeLessThan(3 * standardError)
})

test('looked at every 100 draws, the interval leaves out the truth in at most 5 % of streams', () => {
  const streams = 200
  let missed = 0
  for (let seed = 0; seed < streams; seed += 1) {
    const draws = stream(1_000 + seed, 3_000, { champion: 0.1, challenger: 0.1 })
    const misses = (upTo: number): boolean => {
      const { interval } = variantDifference(draws.slice(0, upTo))
      return interval !== null && (interval.lower > 0 || interval.upper < 0)
    }
    if (Array.from({ length: 30 }, (_, look) => 100 * (look + 1)).some(misses)) missed += 1
  }
  expect(missed / streams).toBeLessThanOrEqual(0.05)
})

import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import {
  crossFittedRegression,
  type RegressionInput,
} from '#statistics/off-policy/cross-fitted-regression.ts'
import { solvePositive } from '#statistics/solve-positive.ts'

test('solves a system worked out by hand', () => {
  // [[4, 2], [2, 3]]·(1, 2) = (8, 8)
  const solution = solvePositive(Float64Array.of(4, 2, 3), Float64Array.of(8, 8))!
  expect(solution[0]).toBeCloseTo(1, 12)
  expect(solution[1]).toBeCloseTo(2, 12)
  expect(solvePositive(Float64Array.of(1, 2, 1), Float64Array.of(1, 1))).toBeNull()
})

test('finds what rewards follow from x and action, and predicts an action without rows like the others', () => {
  const random = createSeededRandom(3)
  const n = 30_000
  const xs = Float64Array.from({ length: n }, () => random.next() * 2 - 1)
  const input: RegressionInput = {
    n,
    actionCount: 3,
    dimensions: 1,
    featuresAt: (row, into) => into.set([xs[row]!]),
    actionAt: (row) => row % 2,
    rewardAt: (row) => (row % 2 === 0 ? 1 + xs[row]! : 3 - xs[row]!),
  }
  const predict = crossFittedRegression(input)
  const into = new Float64Array(3)
  for (let row = 0; row < 100; row += 1) {
    predict(row, into)
    expect(into[0]).toBeCloseTo(1 + xs[row]!, 1)
    expect(into[1]).toBeCloseTo(3 - xs[row]!, 1)
    expect(into[2]).toBeCloseTo(2, 1)
  }
})

test("a row's own reward has no part in its prediction, nor that of its group", () => {
  const predictionOf = (ownReward: number, otherReward: number): number => {
    const into = new Float64Array(1)
    crossFittedRegression({
      n: 100,
      actionCount: 1,
      dimensions: 0,
      featuresAt: () => {},
      actionAt: () => 0,
      rewardAt: (row) => (row === 7 ? ownReward : row === 8 ? otherReward : row % 2),
      groupAt: (row) => (Math.floor(row / 2) === 4 ? 3 : Math.floor(row / 2)),
    })(7, into)
    return into[0]!
  }
  // Rows 6 to 9 are of one group.
  expect(predictionOf(1, 0)).toBe(predictionOf(1000, 1000))
})

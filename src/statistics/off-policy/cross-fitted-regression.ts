import { solvePositive } from '../solve-positive.ts'
import type { PerAction } from './logged-rows.ts'

export interface RegressionInput {
  n: number
  actionCount: number
  dimensions: number
  /** Writes x, of about unit size, without a constant; `into` has length `dimensions`. */
  featuresAt(row: number, into: Float64Array): void
  actionAt(row: number): number
  rewardAt(row: number): number
  /** Rows of one group (one customer's, say) stay in one fold; by default each row is its own. */
  groupAt?(row: number): number
}

const folds = 5

/** An action's own coefficient is believed by half once 100 rows of unit size speak for it. */
const actionPenalty = 100
const commonPenalty = 1
/** Keeps the constant's equation solvable where a fold is empty. */
const constantPenalty = 1e-6

/**
 * q̂(x, a), cross-fitted over five folds: each row is predicted by a model that has not seen its fold, so that
 * q̂ is independent of the row's reward and the intervals of DR and its kin stay honest (Chernozhukov et al.,
 * Econometrics Journal 2018).
 *
 * The model is two ridge regressions: one common to all actions, and one for what each action adds to it,
 * so that an action with few rows is predicted like the others:
 *
 *     b = (XᵀX + λI)⁻¹Xᵀy,   d_a = (X_aᵀX_a + 100·I)⁻¹X_aᵀ(y_a − X_a·b),   q̂(x, a) = (1, x)·(b + d_a)
 *
 * kept within the rewards seen in the training folds: a straight line that promises a rate of −.2 where the
 * log hardly ever looked is corrected by a few rows of huge weight, and DR's interval then covered .88.
 *
 * One pass over the rows: the sums of the training folds are those of all folds less the fold's own.
 */
export function crossFittedRegression(input: RegressionInput): PerAction {
  const { actionCount, dimensions } = input
  const size = dimensions + 1
  const x = new Float64Array(size)
  x[0] = 1
  const features = x.subarray(1)
  const sums = collectSums(input, x, features)
  const fits = Array.from({ length: folds }, (_, fold) => fitWithout(sums, fold, actionCount, size))
  return (row, into) => {
    input.featuresAt(row, features)
    const { coefficients, smallest, largest } = fits[foldOf(input, row)]!
    for (let action = 0; action < actionCount; action += 1) {
      let sum = 0
      for (let i = 0, at = action * size; i < size; i += 1, at += 1) sum += x[i]! * coefficients[at]!
      into[action] = Math.min(largest, Math.max(smallest, sum))
    }
  }
}

/** XᵀX (lower triangle, row by row) and Xᵀy, with the range of y. */
interface Sums {
  gram: Float64Array
  moment: Float64Array
  smallest: number
  largest: number
}

interface Fit {
  /** b + d_a, one action after the other. */
  coefficients: Float64Array
  smallest: number
  largest: number
}

/** By fold, then by action. */
function collectSums(input: RegressionInput, x: Float64Array, features: Float64Array): Sums[][] {
  const { n, actionCount } = input
  const size = x.length
  const sums = Array.from({ length: folds }, () => Array.from({ length: actionCount }, () => emptySums(size)))
  for (let row = 0; row < n; row += 1) {
    input.featuresAt(row, features)
    const own = sums[foldOf(input, row)]![input.actionAt(row)]!
    const { gram, moment } = own
    const reward = input.rewardAt(row)
    if (reward < own.smallest) own.smallest = reward
    if (reward > own.largest) own.largest = reward
    for (let i = 0, at = 0; i < size; at += i + 1, i += 1) {
      const xi = x[i]!
      if (xi === 0) continue
      moment[i]! += xi * reward
      for (let j = 0; j <= i; j += 1) gram[at + j]! += xi * x[j]!
    }
  }
  return sums
}

/** From all folds but one. */
function fitWithout(sums: Sums[][], left: number, actionCount: number, size: number): Fit {
  const training = sums.filter((_, fold) => fold !== left)
  const byAction = Array.from({ length: actionCount }, (_, action) =>
    training.reduce((total, fold) => add(total, fold[action]!), emptySums(size)),
  )
  const all = byAction.reduce(add, emptySums(size))
  const common = ridge(all.gram, all.moment, (i) => (i === 0 ? constantPenalty : commonPenalty))
  const coefficients = new Float64Array(actionCount * size)
  for (const [action, own] of byAction.entries()) {
    const moment = own.moment.slice()
    for (let i = 0; i < size; i += 1) moment[i]! -= timesRow(own.gram, i, common)
    const added = ridge(own.gram, moment, () => actionPenalty)
    for (let i = 0; i < size; i += 1) coefficients[action * size + i] = common[i]! + added[i]!
  }
  // Without any row nothing is known: 0.
  if (all.smallest > all.largest) return { coefficients, smallest: 0, largest: 0 }
  return { coefficients, smallest: all.smallest, largest: all.largest }
}

function ridge(gram: Float64Array, moment: Float64Array, penaltyOf: (i: number) => number): Float64Array {
  const penalized = gram.slice()
  for (let i = 0; i < moment.length; i += 1) penalized[(i * (i + 3)) / 2]! += penaltyOf(i)
  // Null only with features that are no numbers: then nothing is predicted rather than NaN.
  return solvePositive(penalized, moment) ?? new Float64Array(moment.length)
}

/** Row i of a symmetric matrix, times a vector. */
function timesRow(gram: Float64Array, i: number, vector: Float64Array): number {
  let sum = 0
  for (let j = 0; j < vector.length; j += 1) {
    const [high, low] = j <= i ? [i, j] : [j, i]
    sum += gram[(high * (high + 1)) / 2 + low]! * vector[j]!
  }
  return sum
}

function emptySums(size: number): Sums {
  return {
    gram: new Float64Array((size * (size + 1)) / 2),
    moment: new Float64Array(size),
    smallest: Number.POSITIVE_INFINITY,
    largest: Number.NEGATIVE_INFINITY,
  }
}

function add(total: Sums, { gram, moment, smallest, largest }: Sums): Sums {
  total.smallest = Math.min(total.smallest, smallest)
  total.largest = Math.max(total.largest, largest)
  for (let i = 0; i < gram.length; i += 1) total.gram[i]! += gram[i]!
  for (let i = 0; i < moment.length; i += 1) total.moment[i]! += moment[i]!
  return total
}

/** Spreads neighbours over the folds and ignores any rhythm of the log. */
function foldOf({ groupAt }: RegressionInput, row: number): number {
  const group = groupAt === undefined ? row : groupAt(row)
  return (Math.imul(group ^ (group >>> 15), 0x2c1b3c6d) >>> 0) % folds
}

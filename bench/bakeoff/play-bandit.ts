import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { draw } from '../../src/decision/draw.ts'
import { inverseGapInto } from '../../src/decision/inverse-gap.ts'
import {
  type BayesianHeads,
  createBayesianHeads,
  responseProbability,
} from '../../src/learning/bayesian-head.ts'
import { addToMoments, createFeatureMoments } from '../../src/learning/feature-moments.ts'
import { predictiveScale } from '../../src/learning/predictive-scale.ts'
import { createSparseTail, tailProduct, teachTail } from '../../src/learning/sparse-tail.ts'
import type { BanditSet } from './to-bandit.ts'

/** The one setting of all sets: γ = 1000·√t, as in `src/decision/decide.ts`. */
const gammaScale = 1_000
export const tailSlots = 1_024

/**
 * Progressive error: rows in an order drawn from `random`, each decided before its class is looked at, and
 * learned from by the reward of the choice alone. One head a class, the tail beside it where there is one, a
 * snapshot after each row.
 */
export function playBandit(set: BanditSet, floor: number, random: Random): number {
  const learner = createLearner(set)
  const scores = new Float64Array(set.actions)
  const probabilities = new Float64Array(set.actions)
  let errors = 0
  for (const [index, row] of shuffledRows(set.rows, random).entries()) {
    learner.score(row, scores)
    inverseGapInto(probabilities, scores, set.actions, gammaScale * Math.sqrt(index + 1), floor)
    const action = draw(probabilities, set.actions, random.next())
    const reward = set.labels[row] === action ? 1 : 0
    errors += 1 - reward
    learner.teach(row, action, reward)
  }
  return errors / set.rows
}

/** xoshiro128** (`src/platform/random`), one stream a shuffle: it draws the order and the choices. */
export function streamOf(shuffle: number): Random {
  return createSeededRandom(shuffle, streamSeed)
}
export const streamSeed = 7

/** Fisher-Yates. */
export function shuffledRows(rows: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: rows }, (_, row) => row)
  for (let i = rows - 1; i > 0; i -= 1) {
    const j = Math.floor(random.next() * (i + 1))
    const other = order[i]!
    order[i] = order[j]!
    order[j] = other
  }
  return order
}

function createLearner(set: BanditSet) {
  const { dimensions, dense, tailFrom, tailSlots: slots, tailValues: values } = set
  const heads: BayesianHeads = createBayesianHeads(dimensions)
  const moments = createFeatureMoments(dimensions)
  const actions = Array.from({ length: set.actions }, () => ({
    head: heads.create(),
    tail: createSparseTail(),
    scale: 1,
    /** κ·w, as published. */
    published: new Float64Array(dimensions),
  }))
  const features = (row: number) => ({
    x: dense.subarray(row * dimensions, (row + 1) * dimensions),
    sparse: {
      slots: slots.subarray(tailFrom[row]!, tailFrom[row + 1]!),
      values: values.subarray(tailFrom[row]!, tailFrom[row + 1]!),
    },
  })
  return {
    score(row: number, scores: Float64Array): void {
      const { x, sparse } = features(row)
      for (const [index, { head, tail, scale, published }] of actions.entries()) {
        scores[index] = responseProbability(
          { weights: published, covariance: head.covariance },
          x,
          scale * tailProduct(tail, sparse),
        )
      }
    },
    teach(row: number, action: number, reward: 0 | 1): void {
      const { x, sparse } = features(row)
      const chosen = actions[action]!
      const offset = tailProduct(chosen.tail, sparse)
      const surprise = reward - responseProbability(chosen.head, x, offset)
      heads.teach(chosen.head, x, reward, offset)
      teachTail(chosen.tail, sparse, surprise)
      addToMoments(moments, x)
      chosen.scale = predictiveScale(chosen.head, moments)
      for (let i = 0; i < dimensions; i += 1) chosen.published[i] = chosen.scale * chosen.head.weights[i]!
    },
  }
}

import type { Random } from '#contracts/random.ts'
import { draw } from '../../src/decision/draw.ts'
import { inverseGapInto } from '../../src/decision/inverse-gap.ts'
import { type BayesianHead, createBayesianHeads, logistic, logit } from '../../src/learning/bayesian-head.ts'
import { addToMoments, createFeatureMoments } from '../../src/learning/feature-moments.ts'
import {
  addToSums,
  createHeadSums,
  type HeadSums,
  mergeSums,
  solveHead,
  standardPrior,
} from '../../src/learning/head-sums.ts'
import { predictiveScale } from '../../src/learning/predictive-scale.ts'
import { shuffledRows } from '../bakeoff/play-bandit.ts'
import type { BanditSet } from '../bakeoff/to-bandit.ts'

const gammaScale = 1_000

/** One partition: what was merged last, and what it has learned itself since. */
interface Shard {
  heads: BayesianHead[]
  /** By head, since the last merge. */
  sums: HeadSums[]
  /** κ by head. */
  scales: number[]
  t: number
  /** What it decides by: its own heads, or copies of what was merged last. */
  deciding: { heads: BayesianHead[]; scales: number[]; t: number }
}

export interface ShardErrors {
  /** Of all events so far: progressive, the cold start and all. */
  progressive: number
  /** Of the last `lastEvents`. */
  end: number
}

/**
 * Errors over the first `events` rows of an order drawn from `random`. Each event belongs to a shard
 * at random, which decides and learns by what it knows: what was merged last and its own events since. Every
 * `mergeEvery` events in all, the shards' sums are added to the merger's and all start from the result.
 */
export function playShards(
  set: BanditSet,
  options: {
    shards: number
    mergeEvery: number | null
    /** Decides by what was merged last alone, as the product does by its snapshots. */
    bySnapshot: boolean
    events: number
    lastEvents: number
  },
  random: Random,
): ShardErrors {
  const { actions, dimensions, dense, labels } = set
  const models = createBayesianHeads(dimensions)
  // What customers look like: a sum too, and the same for all but for a handful of events.
  const moments = createFeatureMoments(dimensions)
  const shards = Array.from({ length: options.shards }, (): Shard => createShard())
  const merger = createMerger(actions, dimensions)
  const scores = new Float64Array(actions)
  const probabilities = new Float64Array(actions)
  const order = shuffledRows(set.rows, random).subarray(0, options.events)
  let errors = 0
  let lastErrors = 0
  for (const [index, row] of order.entries()) {
    const shard = shards[Math.floor(random.next() * shards.length)]!
    const x = dense.subarray(row * dimensions, (row + 1) * dimensions)
    for (let action = 0; action < actions; action += 1) {
      const { heads, scales } = shard.deciding
      scores[action] = logistic(scales[action]! * logit(heads[action]!, x))
    }
    inverseGapInto(probabilities, scores, actions, gammaScale * Math.sqrt(shard.deciding.t), 0)
    const action = draw(probabilities, actions, random.next())
    const reward = labels[row] === action ? 1 : 0
    errors += 1 - reward
    if (index >= order.length - options.lastEvents) lastErrors += 1 - reward
    learn(shard, action, x, reward)
    if (options.mergeEvery !== null && (index + 1) % options.mergeEvery === 0) mergeAll(index + 1)
  }
  return { progressive: errors / order.length, end: lastErrors / options.lastEvents }

  function createShard(): Shard {
    const own = {
      heads: Array.from({ length: actions }, () => models.create()),
      sums: Array.from({ length: actions }, () => createHeadSums(dimensions)),
      scales: new Array<number>(actions).fill(1),
      t: 1,
    }
    return { ...own, deciding: options.bySnapshot ? snapshotOf(own) : own }
  }

  function learn(shard: Shard, action: number, x: Float64Array, reward: 0 | 1): void {
    const head = shard.heads[action]!
    addToSums(shard.sums[action]!, head, x, reward)
    models.teach(head, x, reward)
    addToMoments(moments, x)
    shard.scales[action] = predictiveScale(head, moments)
    shard.t += 1
    if (!options.bySnapshot) shard.deciding = shard
  }

  function mergeAll(events: number): void {
    const merged = merger(shards.map(({ sums }) => sums))
    const scales = merged.map((head) => predictiveScale(head, moments))
    for (const shard of shards) {
      shard.heads = merged.map(({ weights, covariance }) => ({
        weights: weights.slice(),
        covariance: covariance.slice(),
      }))
      shard.sums = merged.map(() => createHeadSums(dimensions))
      shard.scales = [...scales]
      shard.t = 1 + events
      shard.deciding = options.bySnapshot ? snapshotOf(shard) : shard
    }
  }
}

function snapshotOf({ heads, scales, t }: Pick<Shard, 'heads' | 'scales' | 't'>): Shard['deciding'] {
  const kept = heads.map(({ weights, covariance }) => ({ weights: weights.slice(), covariance }))
  return { heads: kept, scales: [...scales], t }
}

/** Adds what the shards emitted to all that came before, and solves each head anew. */
function createMerger(actions: number, dimensions: number): (emitted: HeadSums[][]) => BayesianHead[] {
  const prior = standardPrior(dimensions)
  const totals = Array.from({ length: actions }, () => createHeadSums(dimensions))
  return (emitted) =>
    totals.map((total, action) => {
      for (const sums of emitted) mergeSums(total, sums[action]!)
      const head = solveHead(prior, total)
      if (head === null) throw new Error(`head ${action}: its precision is not positive definite`)
      return head
    })
}

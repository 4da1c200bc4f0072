import { type BayesianHead, createBayesianHeads } from '../../src/learning/bayesian-head.ts'
import { addToMoments, createFeatureMoments } from '../../src/learning/feature-moments.ts'
import { publicationDefaults } from '../../src/learning/learner.ts'
import { predictiveWeights } from '../../src/learning/predictive-scale.ts'

/**
 * Decisions a minute of wall clock in the simulated worlds: 1.4 million a day, a shop with a million customers
 * who are decided for once or twice a day. While warm, the product publishes at most once a minute, so here once
 * every thousand decisions; fewer a minute would mean fresher snapshots.
 */
export const decisionsPerMinute = 1_000
const warmEvery = (publicationDefaults.warmIntervalMs / 60_000) * decisionsPerMinute

/** What decisions use: κ·w by head, and t. */
export interface Published {
  weights: Float64Array[]
  t: number
}

/**
 * Learns at once, publishes when the product does (`src/learning/learner.ts`): every 200 rewards up to 20,000 of
 * them, then once a minute. Rewards come right after their decisions.
 */
export function createPublishingLearner(dimensions: number, count: number) {
  const models = createBayesianHeads(dimensions)
  const moments = createFeatureMoments(dimensions)
  const heads: BayesianHead[] = Array.from({ length: count }, () => models.create())
  let rewards = 0
  let publishedAt = 0
  const learner = {
    published: { weights: heads.map(({ weights }) => weights.slice()), t: 1 } as Published,
    teach(head: number, x: Float64Array, y: 0 | 1): void {
      models.teach(heads[head]!, x, y)
      addToMoments(moments, x)
      rewards += 1
      const { coldRewards, snapshotEveryRewards } = publicationDefaults
      const every = rewards <= coldRewards ? snapshotEveryRewards : warmEvery
      if (rewards - publishedAt < every) return
      publishedAt = rewards
      learner.published = { weights: heads.map((one) => predictiveWeights(one, moments)), t: 1 + rewards }
    },
  }
  return learner
}

/** σ(x·w) of every head, into `responses`. */
export function responsesInto(responses: Float64Array, weights: Float64Array[], x: Float64Array): void {
  for (let head = 0; head < weights.length; head += 1) {
    const own = weights[head]!
    let z = 0
    for (let i = 0; i < x.length; i += 1) z += own[i]! * x[i]!
    responses[head] = 1 / (1 + Math.exp(-z))
  }
}

/** A constant and one feature for each segment. */
export function segmentFeatures(segments: number): Float64Array[] {
  return Array.from({ length: segments }, (_, segment) => {
    const x = new Float64Array(1 + segments)
    x[0] = 1
    x[1 + segment] = 1
    return x
  })
}

import { headKey } from '#contracts/decision.ts'
import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { draw } from '../../src/decision/draw.ts'
import { inverseGapInto } from '../../src/decision/inverse-gap.ts'
import { createBayesianHeads } from '../../src/learning/bayesian-head.ts'
import { explorationTime, forgetUntil } from '../../src/learning/forgetting.ts'
import { publicationDefaults } from '../../src/learning/learner.ts'
import { emptyState } from '../../src/learning/learner-state.ts'
import { publishedHeads } from '../../src/learning/published-heads.ts'
import { createSparseTail } from '../../src/learning/sparse-tail.ts'
import { teachReward } from '../../src/learning/teach-reward.ts'
import { lowrateWorld } from '../lowrate/play-lowrate.ts'
import { responsesInto, segmentFeatures } from '../worlds/publishing-learner.ts'

export const driftWorld = {
  treatments: lowrateWorld.treatments,
  segments: lowrateWorld.segments,
  rateMin: lowrateWorld.rateMin,
  rateMax: lowrateWorld.rateMax,
  bestTimes: lowrateWorld.bestTimes,
  decisionsPerDay: 1_000,
  /** Then, where the world changes, another treatment is the best in each segment. */
  daysBefore: 60,
  daysAfter: 60,
}
const { treatments, segments, decisionsPerDay, daysBefore, daysAfter } = driftWorld
const gammaScale = 1_000
const floor = 0.02

export interface DriftJob {
  seed: number
  changes: boolean
  halfLifeDays: number | null
}

/** Shares of the headroom: reward above an even draw, over what always the best has above it. */
export interface DriftResult {
  /** In the last twelve days before the change. */
  before: number
  /** In the thirty days after it. */
  following: number
  /** In the last twelve. */
  last: number
}

/** One run, with the product's learner state and snapshots every 200 rewards; rewards come right away. */
export function playDrift({ seed, changes, halfLifeDays }: DriftJob): DriftResult {
  const random = createSeededRandom(seed, 13)
  const [first, second] = drawRates(random)
  const dimensions = 1 + segments
  const models = createBayesianHeads(dimensions)
  const state = emptyState('v1', dimensions)
  const keys = Array.from({ length: treatments }, (_, t) => headKey('drift', `t${t}`))
  const heads = keys.map((key, t) => {
    const own = { campaignId: 'drift', head: `t${t}`, rewards: 0, positives: 0, inheritedFrom: '' }
    const head = { ...own, model: models.create(), tail: createSparseTail() }
    state.heads.set(key, head)
    return head
  })
  const features = segmentFeatures(segments)
  const scores = new Float64Array(treatments)
  const probabilities = new Float64Array(treatments)
  const { before, following, last } = { before: newSums(), following: newSums(), last: newSums() }
  let weights: Float64Array[] = heads.map(() => new Float64Array(dimensions))
  let t = 1
  for (let day = 0; day < daysBefore + daysAfter; day += 1) {
    forgetUntil(state, day + 1, halfLifeDays)
    const rates = changes && day >= daysBefore ? second : first
    const counting = [
      ...(day >= daysBefore - 12 && day < daysBefore ? [before] : []),
      ...(day >= daysBefore && day < daysBefore + 30 ? [following] : []),
      ...(day >= daysBefore + daysAfter - 12 ? [last] : []),
    ]
    for (let i = 0; i < decisionsPerDay; i += 1) {
      const segment = Math.floor(random.next() * segments)
      const x = features[segment]!
      const own = rates[segment]!
      responsesInto(scores, weights, x)
      inverseGapInto(probabilities, scores, treatments, gammaScale * Math.sqrt(t), floor)
      const chosen = draw(probabilities, treatments, random.next())
      teachReward(
        models,
        state,
        heads[chosen]!,
        { kind: 'reward', y: random.next() < own[chosen]! ? 1 : 0 },
        x,
      )
      for (const sums of counting) {
        sums.got += own[chosen]!
        sums.even += own.reduce((sum, rate) => sum + rate, 0) / treatments
        sums.best += Math.max(...own)
      }
      if (state.rewards % publicationDefaults.snapshotEveryRewards !== 0) continue
      const published = publishedHeads(state, undefined).heads
      weights = keys.map((key) => published.get(key)!)
      t = explorationTime(state)
    }
  }
  return { before: shareOf(before), following: shareOf(following), last: shareOf(last) }
}

function newSums() {
  return { got: 0, even: 0, best: 0 }
}

function shareOf({ got, even, best }: ReturnType<typeof newSums>): number {
  return (got - even) / (best - even)
}

/** By segment and treatment, before the change and after it: the best of a segment is never the same again. */
function drawRates(random: Random): [number[][], number[][]] {
  const { rateMin, rateMax, bestTimes } = driftWorld
  const drawn = Array.from({ length: segments }, () => {
    const ordinary = rateMin + (rateMax - rateMin) * random.next()
    const best = Math.floor(random.next() * treatments)
    const next = (best + 1 + Math.floor(random.next() * (treatments - 1))) % treatments
    return [best, next].map((good) =>
      Array.from({ length: treatments }, (_, t) => (t === good ? ordinary * bestTimes : ordinary)),
    )
  })
  return [drawn.map(([own]) => own!), drawn.map(([, own]) => own!)]
}

import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { draw } from '../../src/decision/draw.ts'
import { inverseGapInto } from '../../src/decision/inverse-gap.ts'
import { createPublishingLearner, responsesInto, segmentFeatures } from '../worlds/publishing-learner.ts'

export const lowrateWorld = {
  treatments: 12,
  segments: 4,
  decisions: 60_000,
  rateMin: 0.01,
  rateMax: 0.03,
  /** The segment's best treatment against its others. */
  bestTimes: 2.2,
  /** The treatment that joins at half time, in segment 0, against the average of the rest there. */
  joinerTimes: 2.5,
}
const { treatments, segments, decisions } = lowrateWorld
const gammaScale = 1_000
const floor = 0.02

export interface LowrateResult {
  /** In the last fifth: reward above an even draw, over what always the best has above it. */
  share: number
  /** Of the joiner's segment's decisions 4,001 to 5,000 after it joined, those that chose it. */
  joinerShare: number | null
}

/** One run of the world of seed `seed`; every treatment starts at the product's prior. */
export function playLowrate(seed: number, withJoiner: boolean): LowrateResult {
  const random = createSeededRandom(seed, 11)
  const rates = drawRates(random)
  const joinsAt = withJoiner ? decisions / 2 : decisions
  const count = treatments + (withJoiner ? 1 : 0)
  const learner = createPublishingLearner(1 + segments, count)
  const features = segmentFeatures(segments)
  const scores = new Float64Array(count)
  const probabilities = new Float64Array(count)
  const sums = { got: 0, even: 0, best: 0 }
  const joiner = { seen: 0, chosen: 0 }
  for (let t = 0; t < decisions; t += 1) {
    const segment = Math.floor(random.next() * segments)
    const x = features[segment]!
    const here = t < joinsAt ? treatments : count
    const { weights, t: publishedT } = learner.published
    responsesInto(scores, weights, x)
    inverseGapInto(probabilities, scores, here, gammaScale * Math.sqrt(publishedT), floor)
    const chosen = draw(probabilities, here, random.next())
    const own = rates[segment]!
    learner.teach(chosen, x, random.next() < own[chosen]! ? 1 : 0)
    if (t >= decisions * 0.8) {
      const offered = own.slice(0, here)
      sums.got += own[chosen]!
      sums.even += offered.reduce((sum, rate) => sum + rate, 0) / here
      sums.best += Math.max(...offered)
    }
    if (t < joinsAt || segment !== 0) continue
    joiner.seen += 1
    if (joiner.seen > 4_000 && joiner.seen <= 5_000 && chosen === treatments) joiner.chosen += 1
  }
  return {
    share: (sums.got - sums.even) / (sums.best - sums.even),
    joinerShare: withJoiner ? joiner.chosen / 1_000 : null,
  }
}

/** By segment and treatment, the joiner last: elsewhere than in segment 0 it is as good as the ordinary ones. */
function drawRates(random: Random): number[][] {
  const { rateMin, rateMax, bestTimes, joinerTimes } = lowrateWorld
  return Array.from({ length: segments }, (_, segment) => {
    const ordinary = rateMin + (rateMax - rateMin) * random.next()
    const best = Math.floor(random.next() * treatments)
    const rates = Array.from({ length: treatments }, (_unused, treatment) =>
      treatment === best ? ordinary * bestTimes : ordinary,
    )
    const average = rates.reduce((sum, rate) => sum + rate, 0) / treatments
    return [...rates, segment === 0 ? joinerTimes * average : ordinary]
  })
}

import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { draw } from '../../src/decision/draw.ts'
import { inverseGapInto } from '../../src/decision/inverse-gap.ts'
import { createPublishingLearner, responsesInto, segmentFeatures } from '../worlds/publishing-learner.ts'

export const incrementalWorld = {
  treatments: 8,
  segments: 4,
  /** Of the four, those in which no treatment does anything. */
  segmentsWithoutEffect: 1,
  decisions: 80_000,
  unpromptedMin: 0.01,
  unpromptedMax: 0.06,
  effectMin: -0.01,
  effectMax: 0.03,
  holdoutShare: 0.1,
  valueMicros: 1_000_000,
  costMicros: 5_000,
}
const { treatments, segments, decisions, valueMicros, costMicros } = incrementalWorld
const lever = 1
const fatigue = 0
const gammaScale = 1_000
const floor = 0.02
/** As `ensureSnapshotFor`: what one conversion is worth. */
const boundMicros = valueMicros * lever
/** After the treatments. */
const nothing = treatments

export interface IncrementalResult {
  /** Of what the oracle earns in the last fifth, above sending nothing. */
  share: number
  /** Sends per decision, of all decisions that were not held out. */
  sends: number
}

/**
 * One run of the world of seed `seed`. A tenth of the customers is held out and teaches "nothing", as do draws
 * of "nothing". `incremental`: the product's score `max(0, P − fatigue − P₀) × value × lever − cost`; without,
 * P alone in its place. "Nothing" is a candidate worth 0.
 */
export function playIncremental(seed: number, incremental: boolean): IncrementalResult {
  const random = createSeededRandom(seed, 13)
  const { unprompted, effects } = drawWorld(random)
  const learner = createPublishingLearner(1 + segments, treatments + 1)
  const features = segmentFeatures(segments)
  const responses = new Float64Array(treatments + 1)
  const scores = new Float64Array(treatments + 1)
  const probabilities = new Float64Array(treatments + 1)
  const sums = { earned: 0, oracle: 0, open: 0, sends: 0 }
  for (let t = 0; t < decisions; t += 1) {
    const segment = Math.floor(random.next() * segments)
    const x = features[segment]!
    const heldOut = random.next() < incrementalWorld.holdoutShare
    let chosen = nothing
    if (!heldOut) {
      const { weights, t: publishedT } = learner.published
      responsesInto(responses, weights, x)
      const p0 = incremental ? responses[nothing]! : 0
      for (let a = 0; a < treatments; a += 1) {
        scores[a] =
          (Math.max(0, responses[a]! - fatigue - p0) * valueMicros * lever - costMicros) / boundMicros
      }
      scores[nothing] = 0
      inverseGapInto(probabilities, scores, treatments + 1, gammaScale * Math.sqrt(publishedT), floor)
      chosen = draw(probabilities, treatments + 1, random.next())
    }
    const own = effects[segment]!
    const effect = chosen === nothing ? 0 : own[chosen]!
    learner.teach(chosen, x, random.next() < unprompted[segment]! + effect ? 1 : 0)
    if (heldOut) continue
    sums.open += 1
    if (chosen !== nothing) sums.sends += 1
    if (t < decisions * 0.8) continue
    sums.earned += chosen === nothing ? 0 : profit(effect)
    sums.oracle += Math.max(0, profit(Math.max(...own)))
  }
  return { share: sums.earned / sums.oracle, sends: sums.sends / sums.open }
}

/** What a send with that effect earns above not sending, in micros. */
function profit(effect: number): number {
  return effect * valueMicros - costMicros
}

/** Rates at which the segments buy unprompted, and what each treatment adds there; in one, nothing. */
function drawWorld(random: Random): { unprompted: number[]; effects: number[][] } {
  const between = (min: number, max: number): number => min + (max - min) * random.next()
  const { unpromptedMin, unpromptedMax, effectMin, effectMax, segmentsWithoutEffect } = incrementalWorld
  const unprompted = Array.from({ length: segments }, () => between(unpromptedMin, unpromptedMax))
  const effects = unprompted.map((rate, segment) =>
    Array.from({ length: treatments }, () => {
      const effect = between(effectMin, effectMax)
      // Nobody buys with a probability below 0.
      return segment < segmentsWithoutEffect ? 0 : Math.max(-rate, effect)
    }),
  )
  return { unprompted, effects }
}

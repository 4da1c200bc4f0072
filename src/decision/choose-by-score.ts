import type { DecisionChoice, DecisionInput } from '#contracts/decision.ts'
import type { Random } from '#contracts/random.ts'
import { type CampaignHeads, campaignHeads, nothingPlace, treatmentPlace } from './campaign-heads.ts'
import { chooseVariant, draw } from './choose-variant.ts'
import { isHeldOut, isUsable } from './eligibility.ts'
import { inverseGapInto } from './inverse-gap.ts'
import { responseProbabilities } from './response-probabilities.ts'
import {
  costFactor,
  factorsPerPlace,
  fatigueFactor,
  leverFactor,
  probabilityFactor,
  responseFactor,
  scoreFactor,
  unpromptedFactor,
  valueFactor,
  type WorkingSpace,
} from './working-space.ts'

/** Spread evenly over all: no propensity is ever so small that off-policy evaluation fails on it. */
const floorShare = 0.02

/** All usable candidates of inverse-gap campaigns and "nothing", which is worth 0 and stands last. */
export function chooseByScore(input: DecisionInput, random: Random, space: WorkingSpace): DecisionChoice {
  scoreUsable(input, space)
  const { drawn, drawnCount, probabilities, factors } = space
  if (drawnCount === 0) {
    const heldOut = input.candidates.some((candidate) => isHeldOut(input, candidate))
    return { kind: heldOut ? 'held-out' : 'none-eligible' }
  }
  const count = drawnCount + 1
  space.scores[drawnCount] = 0
  inverseGapInto(probabilities, space.scores, count, space.gamma, floorShare)
  for (let place = 0; place < drawnCount; place += 1) {
    factors[place * factorsPerPlace + probabilityFactor] = probabilities[place]!
  }
  space.nothingProbability = probabilities[drawnCount]!
  const place = draw(probabilities, count, random.next())
  if (place === drawnCount) return { kind: 'nothing', propensity: space.nothingProbability }
  return chooseVariant(input, drawn[place]!, probabilities[place]!, random, space)
}

/**
 * Takes the usable candidates into the draw, in order, and scores each:
 * `max(0, P − fatigue − P₀) × value × lever − cost`, in micros. One long loop over typed arrays: a double that
 * a function returns without being inlined is a heap allocation, and this runs for every candidate.
 */
function scoreUsable(input: DecisionInput, space: WorkingSpace): void {
  const { features, snapshot, candidates, campaigns } = input
  const { factors, scores, drawn } = space
  const { boundMicros } = snapshot
  let heads: CampaignHeads | undefined
  let headsOf = -1
  let from = 0
  let place = 0
  for (let index = 0; index < candidates.length; index += 1) {
    const candidate = candidates[index]!
    if (!isUsable(input, candidate)) continue
    const { campaignIndex, treatmentIndex, fatigue } = candidate
    if (headsOf !== campaignIndex || heads === undefined) {
      const { spec } = campaigns[campaignIndex]!
      if (spec.policy.kind !== 'inverse-gap') continue
      heads = campaignHeads(snapshot, spec, features.length)
      headsOf = campaignIndex
      if (space.responsesAt[campaignIndex]! < 0) reserveResponses(space, campaignIndex, heads.count)
      from = space.responsesAt[campaignIndex]!
      if (Number.isNaN(space.responses[from + nothingPlace]))
        respond(heads, features, space, from, nothingPlace)
    }
    const { responses } = space
    const treatment = treatmentPlace(treatmentIndex)
    if (Number.isNaN(responses[from + treatment])) respond(heads, features, space, from, treatment)
    const p = responses[from + treatment]!
    const p0 = responses[from + nothingPlace]!
    const valueMicros = heads.values[treatmentIndex]!
    const lever = heads.levers[treatmentIndex]!
    const costMicros = heads.costs[treatmentIndex]!
    const score = Math.max(0, p - fatigue - p0) * valueMicros * lever - costMicros
    const at = place * factorsPerPlace
    factors[at + responseFactor] = p
    factors[at + unpromptedFactor] = p0
    factors[at + fatigueFactor] = fatigue
    factors[at + valueFactor] = valueMicros
    factors[at + leverFactor] = lever
    factors[at + costFactor] = costMicros
    factors[at + scoreFactor] = score
    scores[place] = score / boundMicros
    drawn[place] = index
    place += 1
  }
  space.drawnCount = place
}

/** Four heads are worked out together: of a campaign's many treatments only the groups that are asked for. */
function respond(
  heads: CampaignHeads,
  features: Float64Array,
  { present, presentCount, responses }: WorkingSpace,
  from: number,
  place: number,
): void {
  const group = place >> 2
  responseProbabilities(heads, features, present, presentCount, group, responses, from + group * 4)
}

/** Gives the campaign its part of `responses`, NaN until asked for. */
function reserveResponses(space: WorkingSpace, campaignIndex: number, count: number): void {
  const from = space.responsesCount
  space.responsesCount += count
  if (space.responses.length < space.responsesCount) {
    const grown = new Float64Array(space.responsesCount * 2)
    grown.set(space.responses)
    space.responses = grown
  }
  for (let i = from; i < from + count; i += 1) space.responses[i] = Number.NaN
  space.responsesAt[campaignIndex] = from
}

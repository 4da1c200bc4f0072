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
  collectDrawn(input, space)
  const { drawn, drawnCount, probabilities, factors } = space
  if (drawnCount === 0) {
    const heldOut = input.candidates.some((candidate) => isHeldOut(input, candidate))
    return { kind: heldOut ? 'held-out' : 'none-eligible' }
  }
  scoreDrawn(input, space)
  const count = drawnCount + 1
  inverseGapInto(probabilities, space.scores, count, space.gamma, floorShare)
  for (let place = 0; place < drawnCount; place += 1) {
    factors[place * factorsPerPlace + probabilityFactor] = probabilities[place]!
  }
  space.nothingProbability = probabilities[drawnCount]!
  const place = draw(probabilities, count, random.next())
  if (place === drawnCount) return { kind: 'nothing', propensity: space.nothingProbability }
  return chooseVariant(input, drawn[place]!, probabilities[place]!, random, space)
}

function collectDrawn(input: DecisionInput, space: WorkingSpace): void {
  const { candidates, campaigns } = input
  for (let i = 0; i < candidates.length; i += 1) {
    const candidate = candidates[i]!
    if (!isUsable(input, candidate)) continue
    if (campaigns[candidate.campaignIndex]!.spec.policy.kind !== 'inverse-gap') continue
    space.drawn[space.drawnCount] = i
    space.drawnCount += 1
  }
}

/** `max(0, P − fatigue − P₀) × value × lever − cost` of each, in micros, and in units of the bound. */
function scoreDrawn(input: DecisionInput, space: WorkingSpace): void {
  const { features, snapshot, candidates, campaigns } = input
  const { factors, scores, drawn, drawnCount } = space
  let heads: CampaignHeads | undefined
  let headsOf = -1
  let from = 0
  let reserved = 0
  for (let place = 0; place < drawnCount; place += 1) {
    const { campaignIndex, treatmentIndex, fatigue } = candidates[drawn[place]!]!
    if (headsOf !== campaignIndex || heads === undefined) {
      heads = campaignHeads(snapshot, campaigns[campaignIndex]!.spec, features.length)
      headsOf = campaignIndex
      from = space.responsesAt[campaignIndex]!
      if (from < 0) {
        from = reserveResponses(space, campaignIndex, reserved, heads.count)
        reserved += heads.count
      }
    }
    const p0 = responseOf(heads, features, nothingPlace, space.responses, from)
    const p = responseOf(heads, features, treatmentPlace(treatmentIndex), space.responses, from)
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
    scores[place] = score / snapshot.boundMicros
  }
  scores[drawnCount] = 0
}

/** The campaign's part of `responses`, NaN until asked for. */
function reserveResponses(space: WorkingSpace, campaignIndex: number, from: number, count: number): number {
  if (space.responses.length < from + count) {
    const grown = new Float64Array((from + count) * 2)
    grown.set(space.responses)
    space.responses = grown
  }
  for (let i = from; i < from + count; i += 1) space.responses[i] = Number.NaN
  space.responsesAt[campaignIndex] = from
  return from
}

/** Four heads are worked out together: of a campaign's many treatments only the groups that are asked for. */
function responseOf(
  heads: CampaignHeads,
  features: Float64Array,
  place: number,
  responses: Float64Array,
  from: number,
): number {
  const known = responses[from + place]!
  if (!Number.isNaN(known)) return known
  const group = place >> 2
  responseProbabilities(heads, features, group, responses, from + group * 4)
  return responses[from + place]!
}

import type { DecisionChoice, DecisionInput } from '#contracts/decision.ts'
import type { GuardrailOutcome } from '#contracts/guardrail.ts'
import type { Random } from '#contracts/random.ts'
import { type CampaignHeads, campaignHeads, nothingPlace, treatmentPlace } from './campaign-heads.ts'
import { chooseVariant, draw } from './choose-variant.ts'
import { isHeldOut } from './eligibility.ts'
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
  takeUsable(input, space)
  respond(input, space)
  score(input, space)
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
 * Into the draw, in order: the usable ones (`isUsable`) of inverse-gap campaigns. Candidates of one campaign
 * stand together and share their outcomes, so most of what is asked has just been answered.
 */
function takeUsable({ candidates, campaigns }: DecisionInput, space: WorkingSpace): void {
  const { drawn } = space
  let place = 0
  let lastCampaign = -1
  let isOpen = false
  let lastOutcome: GuardrailOutcome | null = null
  let isAllowed = false
  for (let index = 0; index < candidates.length; index += 1) {
    const { campaignIndex, guardrails, missingVariables } = candidates[index]!
    if (campaignIndex !== lastCampaign) {
      lastCampaign = campaignIndex
      const { heldOut, spec } = campaigns[campaignIndex]!
      isOpen = !heldOut && spec.policy.kind === 'inverse-gap'
    }
    if (guardrails !== lastOutcome) {
      lastOutcome = guardrails
      isAllowed = guardrails.verdict.kind !== 'suppress'
    }
    if (!isOpen || !isAllowed || missingVariables.length > 0) continue
    drawn[place] = index
    place += 1
  }
  space.drawnCount = place
}

/** Works out the response probabilities of every campaign that has somebody in the draw. */
function respond(input: DecisionInput, space: WorkingSpace): void {
  const { features, snapshot, campaigns, candidates } = input
  const { drawn, drawnCount, responsesAt } = space
  for (let place = 0; place < drawnCount; place += 1) {
    const { campaignIndex } = candidates[drawn[place]!]!
    if (responsesAt[campaignIndex]! >= 0) continue
    const { spec } = campaigns[campaignIndex]!
    // Mostly the campaigns of the decision before.
    let heads = space.heads[campaignIndex]
    if (heads?.spec !== spec || heads.snapshot !== snapshot || heads.dimensions !== features.length) {
      heads = campaignHeads(snapshot, spec, features.length)
      space.heads[campaignIndex] = heads
    }
    const from = reserveResponses(space, heads)
    responsesAt[campaignIndex] = from
    responseProbabilities(heads, features, space.present, space.presentCount, space.responses, from)
  }
}

/** Where they begin. */
function reserveResponses(space: WorkingSpace, { count }: CampaignHeads): number {
  const from = space.responsesCount
  space.responsesCount += Math.ceil(count / 4) * 4
  if (space.responses.length < space.responsesCount) {
    const grown = new Float64Array(space.responsesCount * 2)
    grown.set(space.responses)
    space.responses = grown
  }
  return from
}

/**
 * `max(0, P − fatigue − P₀) × value × lever − cost`, in micros. One loop over typed arrays: a double that a
 * function returns without being inlined is a heap allocation, and this runs for every candidate.
 */
function score({ candidates, snapshot: { boundMicros } }: DecisionInput, space: WorkingSpace): void {
  const { factors, scores, drawn, drawnCount, responses, responsesAt } = space
  for (let place = 0; place < drawnCount; place += 1) {
    const { campaignIndex, treatmentIndex, fatigue } = candidates[drawn[place]!]!
    const { values, levers, costs } = space.heads[campaignIndex]!
    const from = responsesAt[campaignIndex]!
    const p = responses[from + treatmentPlace(treatmentIndex)]!
    const p0 = responses[from + nothingPlace]!
    const valueMicros = values[treatmentIndex]!
    const lever = levers[treatmentIndex]!
    const costMicros = costs[treatmentIndex]!
    const scoreMicros = Math.max(0, p - fatigue - p0) * valueMicros * lever - costMicros
    const at = place * factorsPerPlace
    factors[at + responseFactor] = p
    factors[at + unpromptedFactor] = p0
    factors[at + fatigueFactor] = fatigue
    factors[at + valueFactor] = valueMicros
    factors[at + leverFactor] = lever
    factors[at + costFactor] = costMicros
    factors[at + scoreFactor] = scoreMicros
    scores[place] = scoreMicros / boundMicros
  }
}

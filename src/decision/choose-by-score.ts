import type { DecisionChoice, DecisionInput } from '#contracts/decision.ts'
import type { GuardrailOutcome } from '#contracts/guardrail.ts'
import type { Random } from '#contracts/random.ts'
import { type CampaignHeads, campaignHeads, nothingPlace, treatmentPlace } from './campaign-heads.ts'
import { chooseVariant } from './choose-variant.ts'
import { draw } from './draw.ts'
import { drawPolicyOf, policyOf } from './draw-policy.ts'
import { isHeldOut } from './eligibility.ts'
import { responseProbabilities } from './response-probabilities.ts'
import { spreadOf } from './score-spread.ts'
import { variantSplit } from './variant-split.ts'
import {
  costFactor,
  fatigueFactor,
  leverFactor,
  probabilityFactor,
  responseFactor,
  scoreFactor,
  unpromptedFactor,
  valueFactor,
  type WorkingSpace,
} from './working-space.ts'

/** All usable candidates of campaigns that learn and "nothing", which is worth 0 and stands last. */
export function chooseByScore(input: DecisionInput, random: Random, space: WorkingSpace): DecisionChoice {
  scoreUsable(input, space)
  const { drawn, drawnCount, probabilities } = space
  if (drawnCount === 0) {
    const heldOut = input.candidates.some((candidate) => isHeldOut(input, candidate))
    return { kind: heldOut ? 'held-out' : 'none-eligible' }
  }
  const count = drawnCount + 1
  space.scores[drawnCount] = 0
  const { snapshot } = input
  const policy = policyOf(snapshot)
  const own = drawPolicyOf(policy)
  const spread = own.needsSpread ? spreadOf(input, space) : null
  own.write(probabilities, { scores: space.scores, count, t: snapshot.t, spread }, policy)
  const logged = space.factors[probabilityFactor]!
  for (let place = 0; place < drawnCount; place += 1) logged[place] = probabilities[place]!
  space.nothingProbability = probabilities[drawnCount]!
  const place = draw(probabilities, count, random.next())
  if (place === drawnCount) return { kind: 'nothing', propensity: space.nothingProbability }
  const candidateIndex = drawn[place]!
  const { campaignIndex, treatmentIndex } = input.candidates[candidateIndex]!
  const split = variantSplit(snapshot, input.campaigns[campaignIndex]!.spec, treatmentIndex)
  return chooseVariant(input, candidateIndex, probabilities[place]!, split, random, space)
}

/** Candidates of one campaign stand together: campaign by campaign into the draw, each with its score. */
function scoreUsable(input: DecisionInput, space: WorkingSpace): void {
  const { candidates } = input
  let index = 0
  while (index < candidates.length) {
    const { campaignIndex } = candidates[index]!
    const start = space.drawnCount
    index = takeUsable(input, index, campaignIndex, space)
    if (space.drawnCount > start) score(input, campaignIndex, start, space)
  }
}

/**
 * The usable ones (`isUsable`) of the campaign, from `index` on; says where the next campaign's begin.
 * Candidates share their outcomes, so what is asked has mostly just been answered.
 */
function takeUsable(
  { candidates, campaigns }: DecisionInput,
  start: number,
  campaignIndex: number,
  space: WorkingSpace,
): number {
  const { heldOut, spec } = campaigns[campaignIndex]!
  const isOpen = !heldOut && spec.policy.kind === 'inverse-gap'
  const { drawn, treatments } = space
  const fatigues = space.factors[fatigueFactor]!
  let lastOutcome: GuardrailOutcome | null = null
  let isAllowed = false
  let place = space.drawnCount
  let index = start
  for (; index < candidates.length; index += 1) {
    const candidate = candidates[index]!
    if (candidate.campaignIndex !== campaignIndex) break
    const { guardrails } = candidate
    if (guardrails !== lastOutcome) {
      lastOutcome = guardrails
      isAllowed = guardrails.verdict.kind !== 'suppress'
    }
    if (!isOpen || !isAllowed || candidate.missingVariables.length > 0) continue
    drawn[place] = index
    treatments[place] = candidate.treatmentIndex
    fatigues[place] = candidate.fatigue
    place += 1
  }
  space.drawnCount = place
  return index
}

/**
 * `max(0, P − fatigue − P₀) × value × lever − cost`, in micros, of those from `start` on. One loop over typed
 * arrays without a call: a double that a function returns without being inlined is a heap allocation, and
 * this runs for every candidate.
 */
function score(input: DecisionInput, campaignIndex: number, start: number, space: WorkingSpace): void {
  const from = respond(input, campaignIndex, space)
  const { boundMicros } = input.snapshot
  const { responses, factors, scores, treatments, drawnCount } = space
  const { values, levers, costs } = space.heads[campaignIndex]!
  const p0 = responses[from + nothingPlace]!
  const responseColumn = factors[responseFactor]!
  const unpromptedColumn = factors[unpromptedFactor]!
  const fatigueColumn = factors[fatigueFactor]!
  const valueColumn = factors[valueFactor]!
  const leverColumn = factors[leverFactor]!
  const costColumn = factors[costFactor]!
  const scoreColumn = factors[scoreFactor]!
  for (let place = start; place < drawnCount; place += 1) {
    const treatmentIndex = treatments[place]!
    const p = responses[from + treatmentPlace(treatmentIndex)]!
    const valueMicros = values[treatmentIndex]!
    const lever = levers[treatmentIndex]!
    const costMicros = costs[treatmentIndex]!
    const scoreMicros = Math.max(0, p - fatigueColumn[place]! - p0) * valueMicros * lever - costMicros
    responseColumn[place] = p
    unpromptedColumn[place] = p0
    valueColumn[place] = valueMicros
    leverColumn[place] = lever
    costColumn[place] = costMicros
    scoreColumn[place] = scoreMicros
    scores[place] = scoreMicros / boundMicros
  }
}

/** Works out the response probabilities of a campaign, once a decision; says where they begin. */
function respond(
  { features, tail, snapshot, campaigns }: DecisionInput,
  index: number,
  space: WorkingSpace,
): number {
  const known = space.responsesAt[index]!
  if (known >= 0) return known
  const { spec } = campaigns[index]!
  // Mostly the campaigns of the decision before.
  let heads = space.heads[index]
  if (heads?.spec !== spec || heads.snapshot !== snapshot || heads.dimensions !== features.length) {
    heads = campaignHeads(snapshot, spec, features.length)
    space.heads[index] = heads
  }
  const from = reserveResponses(space, heads)
  space.responsesAt[index] = from
  responseProbabilities(heads, features, space.present, space.presentCount, space.responses, from, tail)
  return from
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

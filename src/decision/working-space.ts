import type { SendSlots } from '#contracts/decision.ts'
import type { CampaignHeads } from './campaign-heads.ts'

/** Reasons for which an experiment keeps a candidate out; their place is their code in the record. */
export const experimentReasons = ['', 'other_campaign_runs_experiment', 'arm_not_running'] as const
export const experimentGuardrail = 'experiment'
export const otherCampaignRunsExperiment = 1
export const armNotRunning = 2

/** Doubles that a drawn candidate has: columns of `WorkingSpace.factors`, in the order of the record. */
export const factorsPerCandidate = 8
export const responseFactor = 0
export const unpromptedFactor = 1
export const fatigueFactor = 2
export const valueFactor = 3
export const leverFactor = 4
export const costFactor = 5
export const scoreFactor = 6
export const probabilityFactor = 7

/**
 * What a decision works out before it is recorded. One such space serves all decisions of a thread:
 * deciding never awaits, and 20 candidates would otherwise leave 20 objects behind each time.
 */
export interface WorkingSpace {
  gamma: number
  seedHigh: number
  seedLow: number
  /** By place in the draw: the candidate's index; places are in the order of the candidates. */
  drawn: Int32Array
  /** By place: its treatment's index in the campaign. */
  treatments: Int32Array
  drawnCount: number
  /** By factor: a column, by place. */
  factors: Float64Array[]
  /** By place, "nothing" last: scores in units of the bound, and probabilities. */
  scores: Float64Array
  probabilities: Float64Array
  /** By candidate: into `experimentReasons`; read only where an experiment decided. */
  experimentReason: Uint8Array
  /** By candidate: share of the arms that name it; read only where an experiment decided. */
  armShare: Float64Array
  isExperiment: boolean
  /** By campaign: its heads, and where their response probabilities begin, −1 before they are asked for. */
  heads: CampaignHeads[]
  responsesAt: Int32Array
  responses: Float64Array
  responsesCount: number
  /** Indices of the features that are not +0, ascending. */
  present: Int32Array
  presentCount: number
  nothingProbability: number
  /** Of the variants of the chosen treatment. */
  variantProbabilities: Float64Array
  variantCount: number
  /** The hour stage, where there is one. */
  hour: { sendSlots: SendSlots; probabilities: Float64Array; slotIndex: number } | null
}

export function createWorkingSpace(): WorkingSpace {
  return {
    gamma: 0,
    seedHigh: 0,
    seedLow: 0,
    drawnCount: 0,
    nothingProbability: 0,
    variantCount: 0,
    hour: null,
    isExperiment: false,
    variantProbabilities: new Float64Array(20),
    heads: [],
    responsesAt: new Int32Array(64),
    responses: new Float64Array(256),
    responsesCount: 0,
    present: new Int32Array(64),
    presentCount: 0,
    ...candidateArrays(64),
  }
}

export function resetWorkingSpace(space: WorkingSpace, candidates: number, campaigns: number): void {
  if (space.drawn.length < candidates) Object.assign(space, candidateArrays(candidates * 2))
  if (space.responsesAt.length < campaigns) space.responsesAt = new Int32Array(campaigns * 2)
  for (let i = 0; i < campaigns; i += 1) space.responsesAt[i] = -1
  space.drawnCount = 0
  space.responsesCount = 0
  space.nothingProbability = 0
  space.variantCount = 0
  space.hour = null
  space.isExperiment = false
}

/** Most of the 48 trait slots are empty: neither the score nor the record touches them again. −0 is kept. */
export function findPresent(space: WorkingSpace, features: Float64Array): void {
  if (space.present.length < features.length) space.present = new Int32Array(features.length)
  const { present } = space
  let count = 0
  for (let i = 0; i < features.length; i += 1) {
    const feature = features[i]!
    present[count] = i
    if (feature !== 0 || Object.is(feature, -0)) count += 1
  }
  space.presentCount = count
}

function candidateArrays(candidates: number) {
  return {
    drawn: new Int32Array(candidates),
    treatments: new Int32Array(candidates),
    factors: Array.from({ length: factorsPerCandidate }, () => new Float64Array(candidates)),
    scores: new Float64Array(candidates + 1),
    probabilities: new Float64Array(candidates + 1),
    experimentReason: new Uint8Array(candidates),
    armShare: new Float64Array(candidates),
  }
}

import type {
  Candidate,
  DecisionCampaign,
  DecisionChoice,
  DecisionInput,
  PolicySnapshot,
} from '#contracts/decision.ts'
import type { GuardrailOutcome } from '#contracts/guardrail.ts'
import { createByteWriter } from './byte-writer.ts'
import { hourSlotProbability } from './choose-variant.ts'
import { createOutcomeEncoder, newOutcomeCode } from './encode-outcome.ts'
import { engineVersion } from './engine-version.ts'
import {
  campaignFlag,
  candidateFlag,
  choiceKinds,
  experimentShift,
  recordFormatVersion,
  triggerKinds,
} from './record-format.ts'
import { factorsPerPlace, type WorkingSpace } from './working-space.ts'

const writer = createByteWriter()
const outcomes = createOutcomeEncoder(writer)

/** The record of a decision, as `record-format.ts` lays it out. Written into one buffer, copied out once. */
export function encodeRecord(input: DecisionInput, space: WorkingSpace, choice: DecisionChoice): Uint8Array {
  writer.start()
  outcomes.start()
  encodeBeginning(input, space.gamma)
  encodeHead(input, space)
  writer.varint(input.features.length)
  writer.sparse(input.features, space.present, space.presentCount)
  writer.varint(input.campaigns.length)
  for (const campaign of input.campaigns) encodeCampaign(campaign)
  encodeCandidates(input, space)
  writer.f64(space.nothingProbability)
  encodeChoice(choice, space)
  return writer.finish()
}

function encodeHead(input: DecisionInput, space: WorkingSpace): void {
  const { trigger } = input
  writer.id(input.decisionId)
  writer.id(input.customerId)
  writer.u8(triggerKinds.indexOf(trigger.kind))
  writer.id(trigger.triggerId)
  writer.varint(trigger.step)
  writer.f64(input.decidedAt)
  writer.u32(space.seedHigh)
  writer.u32(space.seedLow)
}

/** What all decisions of a snapshot begin with: written out once, then copied. */
let beginning = new Uint8Array(0)
let beginningOf: { snapshot: PolicySnapshot; workspace: string } | null = null

function encodeBeginning({ snapshot, workspace }: DecisionInput, gamma: number): void {
  if (beginningOf !== null && beginningOf.snapshot === snapshot && beginningOf.workspace === workspace) {
    writer.bytes(beginning)
    return
  }
  writer.u8(recordFormatVersion)
  writer.text(engineVersion)
  writer.text(workspace)
  writer.text(snapshot.featureSchema)
  writer.id(snapshot.snapshotId)
  writer.f64(snapshot.t)
  writer.f64(gamma)
  writer.f64(snapshot.boundMicros)
  beginning = new Uint8Array(writer.finish())
  beginningOf = { snapshot, workspace }
}

function encodeCampaign({ campaignId, version, spec, heldOut, arm }: DecisionCampaign): void {
  writer.text(campaignId)
  writer.varint(version)
  writer.u8(
    (heldOut ? campaignFlag.heldOut : 0) | (spec.policy.kind === 'fixed-split' ? campaignFlag.fixedSplit : 0),
  )
  writer.text(arm)
}

function encodeCandidates(input: DecisionInput, space: WorkingSpace): void {
  const { candidates } = input
  const { drawn, drawnCount } = space
  writer.varint(candidates.length)
  let place = 0
  let last: GuardrailOutcome | null = null
  let code = 0
  for (let index = 0; index < candidates.length; index += 1) {
    const isDrawn = place < drawnCount && drawn[place] === index
    if (isDrawn) place += 1
    const { campaignIndex, treatmentIndex, guardrails, missingVariables } = candidates[index]!
    // Mostly all candidates share one outcome: allowed.
    if (guardrails !== last || code === newOutcomeCode) code = outcomes.codeOf(guardrails)
    last = guardrails
    const isPlain = code === 0 && missingVariables.length === 0 && !space.isExperiment
    if (isPlain && (campaignIndex | treatmentIndex) >>> 7 === 0) {
      writer.small4(campaignIndex, treatmentIndex, isDrawn ? candidateFlag.scored : 0, code)
    } else {
      encodeCandidate(candidates[index]!, isDrawn, index, code, space)
    }
  }
  writer.f64s(space.factors, drawnCount * factorsPerPlace)
}

function encodeCandidate(
  { campaignIndex, treatmentIndex, guardrails, missingVariables }: Candidate,
  isDrawn: boolean,
  index: number,
  outcomeCode: number,
  space: WorkingSpace,
): void {
  const armShare = space.isExperiment ? space.armShare[index]! : 0
  let flags = isDrawn ? candidateFlag.scored : 0
  if (missingVariables.length > 0) flags |= candidateFlag.missing
  if (space.isExperiment) flags |= space.experimentReason[index]! << experimentShift
  if (armShare !== 0) flags |= candidateFlag.probability
  writer.varint(campaignIndex)
  writer.varint(treatmentIndex)
  writer.u8(flags)
  writer.varint(outcomeCode)
  if (outcomeCode === newOutcomeCode) outcomes.write(guardrails)
  if (armShare !== 0) writer.f64(armShare)
  if (missingVariables.length > 0) {
    writer.varint(missingVariables.length)
    for (const variable of missingVariables) writer.text(variable)
  }
}

function encodeChoice(choice: DecisionChoice, space: WorkingSpace): void {
  writer.u8(choiceKinds.indexOf(choice.kind))
  if (choice.kind === 'nothing') writer.f64(choice.propensity)
  if (choice.kind !== 'treatment') return
  writer.varint(choice.candidateIndex)
  writer.varint(space.variantCount)
  writer.f64s(space.variantProbabilities, space.variantCount)
  writer.varint(choice.variantIndex)
  writer.f64(hourSlotProbability)
  writer.f64(choice.propensity)
  writer.f64(choice.dueAt)
}

import type {
  Candidate,
  DecisionCampaign,
  DecisionChoice,
  DecisionInput,
  PolicySnapshot,
} from '#contracts/decision.ts'
import type { TailFeatures } from '#contracts/feature-schema.ts'
import { createByteWriter } from './byte-writer.ts'
import { policyKinds, policyOf } from './draw-policy.ts'
import { createOutcomeEncoder, newOutcomeCode } from './encode-outcome.ts'
import { engineVersion } from './engine-version.ts'
import {
  campaignFlag,
  candidateFlag,
  choiceKinds,
  experimentShift,
  recordFormatVersion,
  recordFormatWithoutTail,
  triggerKinds,
} from './record-format.ts'
import { factorsPerCandidate, type WorkingSpace } from './working-space.ts'

type ChosenTreatment = Extract<DecisionChoice, { kind: 'treatment' }>

const writer = createByteWriter()
const outcomes = createOutcomeEncoder(writer)

/** The record of a decision, as `record-format.ts` lays it out. Never copied: see `ByteWriter`. */
export function encodeRecord(input: DecisionInput, space: WorkingSpace, choice: DecisionChoice): Uint8Array {
  writer.start()
  outcomes.start()
  const { tail } = input
  const hasTail = tail !== undefined && tail.slots.length > 0
  encodeBeginning(input, space.gamma, hasTail)
  encodeHead(input, space)
  writer.varint(input.features.length)
  writer.sparse(input.features, space.present, space.presentCount)
  if (hasTail) encodeTail(tail)
  writer.varint(input.campaigns.length)
  for (const campaign of input.campaigns) encodeCampaign(campaign)
  encodeCandidates(input, space)
  writer.f64(space.nothingProbability)
  encodeChoice(input, choice, space)
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
let beginning: Uint8Array = new Uint8Array(0)
let beginningOf: { snapshot: PolicySnapshot; workspace: string; hasTail: boolean } | null = null

function encodeBeginning({ snapshot, workspace }: DecisionInput, gamma: number, hasTail: boolean): void {
  if (
    beginningOf !== null &&
    beginningOf.snapshot === snapshot &&
    beginningOf.workspace === workspace &&
    beginningOf.hasTail === hasTail
  ) {
    writer.bytes(beginning)
    return
  }
  writer.u8(hasTail ? recordFormatVersion : recordFormatWithoutTail)
  writer.text(engineVersion)
  writer.text(workspace)
  writer.text(snapshot.featureSchema)
  writer.id(snapshot.snapshotId)
  writer.f64(snapshot.t)
  writer.u8(policyKinds.indexOf(policyOf(snapshot).kind))
  writer.f64(gamma)
  writer.f64(snapshot.boundMicros)
  beginning = writer.soFar()
  beginningOf = { snapshot, workspace, hasTail }
}

/** Hashed features, most of them 1: 2 or 3 bytes each. */
function encodeTail({ slots, values }: TailFeatures): void {
  const { length } = slots
  writer.varint(length)
  let before = 0
  let areOnes = true
  for (let i = 0; i < length; i += 1) {
    writer.varint(slots[i]! - before)
    before = slots[i]!
    if (values[i] !== 1) areOnes = false
  }
  writer.u8(areOnes ? 1 : 0)
  if (!areOnes) writer.f64s(values, length)
}

function encodeCampaign({ campaignId, version, spec, heldOut, arm }: DecisionCampaign): void {
  writer.text(campaignId)
  writer.varint(version)
  writer.u8(
    (heldOut ? campaignFlag.heldOut : 0) | (spec.policy.kind === 'fixed-split' ? campaignFlag.fixedSplit : 0),
  )
  writer.text(arm)
}

/** Run after run: candidates that follow each other in one campaign and differ in nothing but the treatment. */
function encodeCandidates(input: DecisionInput, space: WorkingSpace): void {
  const { candidates } = input
  const { drawn, drawnCount } = space
  writer.varint(candidates.length)
  let place = 0
  for (let index = 0; index < candidates.length; ) {
    const first = candidates[index]!
    const isDrawn = place < drawnCount && drawn[place] === index
    const length = runLength(candidates, index, isDrawn, space, place)
    if (isDrawn) place += length
    encodeRun(first, length, isDrawn, index, space)
    index += length
  }
  if (drawnCount > 0) encodeFactors(space)
}

/** Factor by factor: one that is the same for all scored candidates (mostly P₀, fatigue, lever) stands once. */
function encodeFactors({ factors, drawnCount }: WorkingSpace): void {
  let sameForAll = 0
  for (let factor = 0; factor < factorsPerCandidate; factor += 1) {
    if (isSameForAll(factors[factor]!, drawnCount)) sameForAll |= 1 << factor
  }
  writer.u8(sameForAll)
  for (let factor = 0; factor < factorsPerCandidate; factor += 1) {
    writer.f64s(factors[factor]!, (sameForAll >> factor) & 1 ? 1 : drawnCount)
  }
}

function isSameForAll(column: Float64Array, count: number): boolean {
  const first = column[0]!
  for (let place = 1; place < count; place += 1) if (column[place] !== first) return false
  // −0 equals +0 and must not stand for it: a column of zeros is looked at once more. (Object.is on doubles is
  // a call that boxes both, 0.2 µs a decision.)
  return first !== 0 || haveOneSign(column, count)
}

function haveOneSign(column: Float64Array, count: number): boolean {
  const isNegative = Object.is(column[0], -0)
  for (let place = 1; place < count; place += 1) if (Object.is(column[place], -0) !== isNegative) return false
  return true
}

/** Of the run that begins at `start`; a candidate that an experiment judged or that lacks variables stands alone. */
function runLength(
  candidates: readonly Candidate[],
  start: number,
  isDrawn: boolean,
  { isExperiment, drawn, drawnCount }: WorkingSpace,
  startPlace: number,
): number {
  const { campaignIndex, treatmentIndex, guardrails, missingVariables } = candidates[start]!
  if (isExperiment || missingVariables.length > 0) return 1
  let index = start + 1
  let place = isDrawn ? startPlace + 1 : startPlace
  for (; index < candidates.length; index += 1) {
    const next = candidates[index]!
    if (next.campaignIndex !== campaignIndex) break
    if (next.treatmentIndex - treatmentIndex !== index - start) break
    if (next.guardrails !== guardrails || next.missingVariables.length > 0) break
    if ((place < drawnCount && drawn[place] === index) !== isDrawn) break
    if (isDrawn) place += 1
  }
  return index - start
}

function encodeRun(
  { campaignIndex, treatmentIndex, guardrails, missingVariables }: Candidate,
  length: number,
  isDrawn: boolean,
  index: number,
  space: WorkingSpace,
): void {
  const armShare = space.isExperiment ? space.armShare[index]! : 0
  let flags = isDrawn ? candidateFlag.scored : 0
  if (missingVariables.length > 0) flags |= candidateFlag.missing
  if (space.isExperiment) flags |= space.experimentReason[index]! << experimentShift
  if (armShare !== 0) flags |= candidateFlag.probability
  const outcomeCode = outcomes.codeOf(guardrails)
  writer.varint(length)
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

function encodeChoice(input: DecisionInput, choice: DecisionChoice, space: WorkingSpace): void {
  writer.u8(choiceKinds.indexOf(choice.kind))
  if (choice.kind === 'nothing') writer.f64(choice.propensity)
  if (choice.kind !== 'treatment') return
  writer.varint(choice.candidateIndex)
  writer.varint(space.variantCount)
  writer.f64s(space.variantProbabilities, space.variantCount)
  writer.varint(choice.variantIndex)
  if (space.variantCount > 1) writer.text(chosenVariantId(input, choice))
  encodeHour(input, space)
  writer.f64(choice.propensity)
  writer.f64(choice.dueAt)
}

function chosenVariantId({ candidates, campaigns }: DecisionInput, choice: ChosenTreatment): string {
  const { campaignIndex, treatmentIndex } = candidates[choice.candidateIndex]!
  return campaigns[campaignIndex]!.spec.treatments[treatmentIndex]!.variants[choice.variantIndex]!.variantId
}

/** Everything that the stage judged by, so that it replays. */
function encodeHour({ decidedAt }: DecisionInput, { hour }: WorkingSpace): void {
  if (hour === null) {
    writer.varint(0)
    return
  }
  const { cohort, activityTotal, slots } = hour.sendSlots
  writer.varint(slots.length)
  writer.text(cohort)
  writer.varint(activityTotal)
  writer.varint(hour.slotIndex)
  for (let slot = 0; slot < slots.length; slot += 1) {
    const { dueAt, hourOfWeek, activity } = slots[slot]!
    writer.varint(dueAt - decidedAt)
    writer.u8(hourOfWeek)
    writer.varint(activity)
  }
  writer.f64s(hour.probabilities, slots.length)
}

import type { DecodedCandidate, DecodedDecision, DecodedSendTime } from '#contracts/decision.ts'
import { noTail, type TailFeatures } from '#contracts/feature-schema.ts'
import type { GuardrailOutcome, Verdict } from '#contracts/guardrail.ts'
import { defaultPolicy } from '#contracts/policy.ts'
import { type ByteReader, createByteReader } from './byte-reader.ts'
import { createOutcomeDecoder } from './decode-outcome.ts'
import { policyKinds } from './draw-policy.ts'
import {
  campaignFlag,
  candidateFlag,
  choiceKinds,
  experimentShift,
  recordFormatVersion,
  triggerKinds,
} from './record-format.ts'
import { experimentGuardrail, experimentReasons } from './working-space.ts'

/**
 * A record for people and for learning. Throws a RangeError when the bytes are no whole record, or of a
 * format newer than this engine reads.
 */
export function decodeDecision(record: Uint8Array): DecodedDecision {
  const { candidates, ...rest } = decodeRecord(record)
  return {
    ...rest,
    candidates: candidates.map(({ experimentReason, ...candidate }) => ({
      ...candidate,
      guardrails: withExperiment(candidate.guardrails, experimentReason),
    })),
  }
}

/** As the engine saw it: the guardrails' own outcome, and beside it why an experiment kept it out. */
interface RecordedCandidate extends DecodedCandidate {
  /** Into `experimentReasons`. */
  experimentReason: number
}
export interface DecodedRecord extends Omit<DecodedDecision, 'candidates'> {
  candidates: RecordedCandidate[]
}

export function decodeRecord(record: Uint8Array): DecodedRecord {
  const reader = createByteReader(record)
  const format = reader.u8()
  if (format > recordFormatVersion) {
    throw new RangeError(
      `decision record of format ${format}: this engine reads up to ${recordFormatVersion}; a newer release wrote it`,
    )
  }
  if (format === 0) throw new RangeError('not a decision record: format 0')
  const head = decodeHead(reader, format)
  const decoded = { ...head, ...decodeBody(reader, format, head.decidedAt) }
  if (reader.left() > 0) throw new RangeError(`the decision record has ${reader.left()} bytes too many`)
  return decoded
}

function decodeHead(reader: ByteReader, format: number) {
  return {
    engineVersion: reader.text(),
    workspace: reader.text(),
    featureSchema: reader.text(),
    snapshotId: reader.id(),
    t: reader.f64(),
    policy: format === 1 ? defaultPolicy.kind : known(policyKinds, reader.u8(), 'policy'),
    gamma: reader.f64(),
    boundMicros: reader.f64(),
    decisionId: reader.id(),
    customerId: reader.id(),
    trigger: {
      kind: known(triggerKinds, reader.u8(), 'trigger kind'),
      triggerId: reader.id(),
      step: reader.varint(),
    },
    decidedAt: reader.f64(),
    seed: hex32(reader.u32()) + hex32(reader.u32()),
  }
}

function decodeBody(reader: ByteReader, format: number, decidedAt: number) {
  const features = decodeFeatures(reader)
  const tail = format > 2 ? decodeTail(reader) : noTail
  const campaigns = listOf(reader, () => decodeCampaign(reader))
  const candidates = decodeCandidates(reader)
  const nothingProbability = reader.f64()
  const ended = decodeChoice(reader, candidates, format, decidedAt)
  return { features, tail, campaigns, candidates, nothingProbability, ...ended }
}

function decodeFeatures(reader: ByteReader): Float64Array {
  const length = reader.varint()
  if (length > reader.left() * 8)
    throw new RangeError(`the decision record is too short for ${length} features`)
  const bits = Array.from({ length: Math.ceil(length / 8) }, () => reader.u8())
  const features = new Float64Array(length)
  for (let i = 0; i < length; i += 1) if ((bits[i >> 3]! >> (i & 7)) & 1) features[i] = reader.f64()
  return features
}

function decodeTail(reader: ByteReader): TailFeatures {
  const length = reader.varint()
  if (length > reader.left())
    throw new RangeError(`the decision record is too short for ${length} hashed features`)
  const slots = new Uint32Array(length)
  const values = new Float64Array(length).fill(1)
  let before = 0
  for (let i = 0; i < length; i += 1) {
    before += reader.varint()
    slots[i] = before
  }
  if (reader.u8() === 0) for (let i = 0; i < length; i += 1) values[i] = reader.f64()
  return { slots, values }
}

function decodeCampaign(reader: ByteReader): DecodedDecision['campaigns'][number] {
  const campaignId = reader.text()
  const version = reader.varint()
  const flags = reader.u8()
  return {
    campaignId,
    version,
    heldOut: (flags & campaignFlag.heldOut) !== 0,
    arm: reader.text(),
    policy: (flags & campaignFlag.fixedSplit) !== 0 ? 'fixed-split' : 'inverse-gap',
  }
}

/** Far more than a campaign has treatments: broken bytes must not fill the memory. */
const runMax = 65_536

function decodeCandidates(reader: ByteReader): RecordedCandidate[] {
  const outcomes = createOutcomeDecoder(reader)
  const count = reader.varint()
  const read: { isScored: boolean; candidate: RecordedCandidate }[] = []
  while (read.length < count) {
    const length = reader.varint()
    if (length < 1 || length > count - read.length || length > runMax)
      throw new RangeError(`the decision record has a run of ${length} among ${count} candidates`)
    const first = decodeCandidate(reader, outcomes.outcome)
    for (let i = 0; i < length; i += 1) {
      const { treatmentIndex } = first.candidate
      read.push({ ...first, candidate: { ...first.candidate, treatmentIndex: treatmentIndex + i } })
    }
  }
  decodeFactors(
    reader,
    read.flatMap(({ isScored, candidate }) => (isScored ? [candidate] : [])),
  )
  return read.map(({ candidate }) => candidate)
}

/** In the order of the record. */
const factorNames = [
  'responseProbability',
  'unpromptedProbability',
  'fatigue',
  'valueMicros',
  'lever',
  'costMicros',
  'scoreMicros',
  'probability',
] as const

function decodeFactors(reader: ByteReader, scored: RecordedCandidate[]): void {
  if (scored.length === 0) return
  const sameForAll = reader.u8()
  for (const [factor, name] of factorNames.entries()) {
    const common = (sameForAll >> factor) & 1 ? reader.f64() : null
    for (const candidate of scored) candidate[name] = common ?? reader.f64()
  }
}

function decodeCandidate(reader: ByteReader, outcome: () => GuardrailOutcome) {
  const campaignIndex = reader.varint()
  const treatmentIndex = reader.varint()
  const flags = reader.u8()
  const guardrails = outcome()
  const probability = flags & candidateFlag.probability ? reader.f64() : 0
  const missingVariables = flags & candidateFlag.missing ? listOf(reader, () => reader.text()) : []
  const candidate: RecordedCandidate = {
    campaignIndex,
    treatmentIndex,
    guardrails,
    missingVariables,
    responseProbability: Number.NaN,
    unpromptedProbability: Number.NaN,
    fatigue: Number.NaN,
    valueMicros: Number.NaN,
    lever: Number.NaN,
    costMicros: Number.NaN,
    scoreMicros: Number.NaN,
    probability,
    variantProbabilities: [],
    experimentReason: flags >> experimentShift,
  }
  return { isScored: (flags & candidateFlag.scored) !== 0, candidate }
}

function decodeChoice(
  reader: ByteReader,
  candidates: RecordedCandidate[],
  format: number,
  decidedAt: number,
): Pick<DecodedDecision, 'choice' | 'variantId' | 'sendTime'> {
  const kind = known(choiceKinds, reader.u8(), 'choice')
  const none = { variantId: '', sendTime: null }
  if (kind === 'nothing') return { choice: { kind, propensity: reader.f64() }, ...none }
  if (kind !== 'treatment') return { choice: { kind }, ...none }
  const candidateIndex = reader.varint()
  const variantProbabilities = listOf(reader, () => reader.f64())
  const variantIndex = reader.varint()
  const variantId = format > 1 && variantProbabilities.length > 1 ? reader.text() : ''
  const sendTime = format > 1 ? decodeHour(reader, decidedAt) : null
  // Format 1 has the probability of the single hour slot.
  if (format === 1) reader.f64()
  const chosen = candidates[candidateIndex]
  if (chosen === undefined)
    throw new RangeError(`the decision record chose candidate ${candidateIndex}, of none`)
  chosen.variantProbabilities = variantProbabilities
  const propensity = reader.f64()
  const choice = { kind, candidateIndex, variantIndex, propensity, dueAt: reader.f64() }
  return { choice, variantId, sendTime }
}

function decodeHour(reader: ByteReader, decidedAt: number): DecodedSendTime | null {
  const count = reader.varint()
  if (count === 0) return null
  const cohort = reader.text()
  const activityTotal = reader.varint()
  const slotIndex = reader.varint()
  if (count > reader.left() || slotIndex >= count)
    throw new RangeError(`the decision record chose hour slot ${slotIndex} of ${count}`)
  const slots = Array.from({ length: count }, () => ({
    dueAt: decidedAt + reader.varint(),
    hourOfWeek: reader.u8(),
    activity: reader.varint(),
  }))
  const probabilities = Array.from({ length: count }, () => reader.f64())
  return { cohort, activityTotal, slots, probabilities, slotIndex }
}

/** The outcome with the experiment among the objections, as the funnel shows it. */
function withExperiment(outcome: GuardrailOutcome, experimentReason: number): GuardrailOutcome {
  if (experimentReason === 0) return outcome
  const reason = known(experimentReasons, experimentReason, 'experiment reason')
  const verdict: Extract<Verdict, { kind: 'suppress' }> = { kind: 'suppress', reason, inputs: {} }
  const before = outcome.objections.filter(({ guardrail }) => guardrail < experimentGuardrail)
  const after = outcome.objections.slice(before.length)
  const objections = [...before, { guardrail: experimentGuardrail, verdict }, ...after]
  if (outcome.verdict.kind === 'suppress') return { ...outcome, objections }
  return { verdict, by: experimentGuardrail, objections }
}

function listOf<T>(reader: ByteReader, read: () => T): T[] {
  const length = reader.varint()
  if (length > reader.left()) throw new RangeError(`the decision record is too short for a list of ${length}`)
  return Array.from({ length }, read)
}

function known<T>(values: readonly T[], index: number, what: string): T {
  const value = values[index]
  if (value === undefined) throw new RangeError(`the decision record has an unknown ${what}: ${index}`)
  return value
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}

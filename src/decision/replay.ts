import type {
  DecisionCampaign,
  DecisionChoice,
  DecisionInput,
  DecodedDecision,
  PolicySnapshot,
} from '#contracts/decision.ts'
import { haveSameDense } from '#contracts/feature-schema.ts'
import { decide } from './decide.ts'
import { engineVersion } from './engine-version.ts'
import { type DecodedRecord, decodeDecision, decodeRecord } from './record.ts'

/** What a record names and does not hold. */
export interface ReplaySources {
  snapshot: PolicySnapshot
  /** The campaign versions in the order of the record; who was held out and the arm come from the record. */
  campaigns: readonly Pick<DecisionCampaign, 'campaignId' | 'version' | 'spec'>[]
}

/**
 * Decides again from the record: its features and its guardrail verdicts as recorded (guardrails are not
 * asked again: their facts have moved on), with the snapshot and campaign versions it names. Within one
 * engine version the bytes are equal; another engine may differ in the last bit or in the format.
 */
export function replayDecision(record: Uint8Array, sources: ReplaySources): Uint8Array {
  return decide(sameInputOf(decodeRecord(record), sources)).record
}

/**
 * What another snapshot would have made of the same moment: its scores and probabilities, drawn anew.
 * `features`: the moment as that snapshot's schema sees it, without a tail; left out where that is the record's own.
 */
export function decideOtherwise(
  record: Uint8Array,
  sources: ReplaySources,
  features?: Float64Array,
): DecodedDecision {
  const input = inputOf(decodeRecord(record), sources)
  const { featureSchema } = sources.snapshot
  if (features === undefined) return decodeDecision(decide(forSnapshot(input)).record)
  const { tail: _, ...dense } = input
  return decodeDecision(decide({ ...dense, featureSchema, features }).record)
}

/** A schema that differs in its tail alone looks at the same dense features; the other's tail it does not have. */
function forSnapshot(input: DecisionInput): DecisionInput {
  const { featureSchema } = input.snapshot
  if (featureSchema === input.featureSchema) return input
  if (!haveSameDense(featureSchema, input.featureSchema)) return input
  const { tail: _, ...dense } = input
  return { ...dense, featureSchema }
}

/** What a replay shows. A record of another engine is judged by its choice, not by its bytes. */
export type ReplayResult =
  | { kind: 'equal' }
  | { kind: 'different' }
  | { kind: 'other-engine'; engineVersion: string; choiceEqual: boolean }

export function checkReplay(record: Uint8Array, sources: ReplaySources): ReplayResult {
  const recorded = decodeRecord(record)
  const replayed = decide(sameInputOf(recorded, sources))
  if (recorded.engineVersion !== engineVersion) {
    const choiceEqual = isSameChoice(recorded.choice, replayed.choice)
    return { kind: 'other-engine', engineVersion: recorded.engineVersion, choiceEqual }
  }
  return { kind: Buffer.compare(record, replayed.record) === 0 ? 'equal' : 'different' }
}

function sameInputOf(recorded: DecodedRecord, sources: ReplaySources): DecisionInput {
  const { snapshotId } = sources.snapshot
  if (snapshotId !== recorded.snapshotId) {
    throw new RangeError(`the record names snapshot ${recorded.snapshotId}, not ${snapshotId}`)
  }
  return inputOf(recorded, sources)
}

/** What the engine was given, as far as the record and its sources hold it. */
export function inputOf(recorded: DecodedRecord, { snapshot, campaigns }: ReplaySources): DecisionInput {
  const { workspace, decisionId, customerId, trigger, decidedAt, featureSchema, features, tail } = recorded
  const taking = recorded.campaigns.map(({ campaignId, version, heldOut, arm }, index): DecisionCampaign => {
    const given = campaigns[index]
    if (given?.campaignId !== campaignId || given.version !== version) {
      throw new RangeError(`the record's campaign ${index} is ${campaignId} in version ${version}`)
    }
    return { campaignId, version, spec: given.spec, heldOut, arm }
  })
  const candidates = recorded.candidates.map((candidate) => ({
    campaignIndex: candidate.campaignIndex,
    treatmentIndex: candidate.treatmentIndex,
    channel: treatmentOf(taking, candidate).channel,
    // Not recorded where it was not used.
    fatigue: Number.isNaN(candidate.fatigue) ? 0 : candidate.fatigue,
    guardrails: candidate.guardrails,
    missingVariables: candidate.missingVariables,
  }))
  return {
    workspace,
    decisionId,
    customerId,
    trigger,
    decidedAt,
    featureSchema,
    features,
    ...(tail.slots.length === 0 ? {} : { tail }),
    snapshot,
    campaigns: taking,
    candidates,
    ...recordedSlots(recorded),
  }
}

/** The hours that were open and what was known of the customer's, for the candidate that was chosen. */
function recordedSlots({ choice, sendTime }: DecodedRecord): Pick<DecisionInput, 'sendSlots'> {
  if (sendTime === null || choice.kind !== 'treatment') return {}
  return { sendSlots: (candidateIndex) => (candidateIndex === choice.candidateIndex ? sendTime : null) }
}

function treatmentOf(campaigns: DecisionCampaign[], at: { campaignIndex: number; treatmentIndex: number }) {
  const treatment = campaigns[at.campaignIndex]?.spec.treatments[at.treatmentIndex]
  if (treatment === undefined) {
    throw new RangeError(
      `the record names treatment ${at.treatmentIndex} of campaign ${at.campaignIndex}: unknown`,
    )
  }
  return treatment
}

/** The same candidate, variant and hour; the propensities of two engines may differ by rounding. */
function isSameChoice(a: DecisionChoice, b: DecisionChoice): boolean {
  if (a.kind !== 'treatment' || b.kind !== 'treatment') return a.kind === b.kind
  return a.candidateIndex === b.candidateIndex && a.variantIndex === b.variantIndex && a.dueAt === b.dueAt
}

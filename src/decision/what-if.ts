import type { CampaignSpec, TreatmentSpec } from '#contracts/campaign.ts'
import type { DecisionInput, DecodedDecision } from '#contracts/decision.ts'
import { noTail, type TailFeatures } from '#contracts/feature-schema.ts'
import type { GuardrailOutcome } from '#contracts/guardrail.ts'
import { decide } from './decide.ts'
import { builtInFeatureSchemas, featureNamesOf } from './feature-schemas.ts'
import { decodeDecision, decodeRecord } from './record.ts'
import { inputOf, type ReplaySources } from './replay.ts'

/** One input that is changed; everything else, the seed too, stays as it was. */
export type Change =
  | { kind: 'feature'; name: string; value: number }
  | { kind: 'value' | 'lever' | 'cost'; campaignId: string; treatmentId: string; to: number }
  | { kind: 'without-guardrail'; guardrail: string }
  | { kind: 'fatigue'; campaignId: string; treatmentId: string; to: number }

export type WhatIf =
  | { kind: 'decided'; decoded: DecodedDecision; campaigns: DecisionInput['campaigns'] }
  /** What the change names is not in the decision; `detail` lists what is. */
  | { kind: 'refused'; detail: string }

/** The outcome of objections in the order of their names, as the guardrails have it. */
export type Judge = (objections: GuardrailOutcome['objections']) => GuardrailOutcome

/** The same decision once more with one input changed. Nothing is stored. */
export function whatIf(record: Uint8Array, sources: ReplaySources, change: Change, outcomeOf: Judge): WhatIf {
  const input = inputOf(decodeRecord(record), sources)
  const changed = changedInput(input, change, outcomeOf)
  if (typeof changed === 'string') return { kind: 'refused', detail: changed }
  const { record: again } = decide(changed)
  return { kind: 'decided', decoded: decodeDecision(again), campaigns: changed.campaigns }
}

function changedInput(input: DecisionInput, change: Change, outcomeOf: Judge): DecisionInput | string {
  switch (change.kind) {
    case 'feature':
      return withFeature(input, change.name, change.value)
    case 'without-guardrail':
      return withoutGuardrail(input, change.guardrail, outcomeOf)
    default:
      return withTreatment(input, change)
  }
}

function withFeature(input: DecisionInput, name: string, value: number) {
  const names = featureNamesOf(input.featureSchema, input.features.length)
  const at = names.indexOf(name)
  if (at < 0) {
    const slot = tailSlotNamed(input.featureSchema, name)
    if (slot !== null) return { ...input, tail: withTailFeature(input.tail ?? noTail, slot, value) }
    return `no feature is called ${JSON.stringify(name)}; there are ${names.join(', ')}`
  }
  const features = Float64Array.from(input.features)
  features[at] = value
  return { ...input, features }
}

/** By what it is the hash of, also where the customer has none of it; or by its number, as explanations show it. */
function tailSlotNamed(featureSchema: string, name: string): number | null {
  const schema = builtInFeatureSchemas.get(featureSchema)
  if (schema?.decidesByTail !== true) return null
  const number = /^tail slot (\d{1,9})$/.exec(name)?.[1]
  if (number === undefined) return schema.tailSlotOf?.(name) ?? null
  return Number(number) < schema.tailSlots ? Number(number) : null
}

function withTailFeature({ slots, values }: TailFeatures, slot: number, value: number): TailFeatures {
  const features = new Map([...slots].map((own, i) => [own, values[i]!]))
  if (value === 0) features.delete(slot)
  else features.set(slot, value)
  const ascending = [...features].sort(([a], [b]) => a - b)
  return {
    slots: Uint32Array.from(ascending, ([own]) => own),
    values: Float64Array.from(ascending, ([, own]) => own),
  }
}

function withoutGuardrail(input: DecisionInput, guardrail: string, outcomeOf: Judge): DecisionInput | string {
  const objecting = new Set(
    input.candidates.flatMap(({ guardrails }) => guardrails.objections.map((one) => one.guardrail)),
  )
  if (!objecting.has(guardrail)) {
    const known = objecting.size === 0 ? 'nobody objected' : `${[...objecting].sort().join(', ')} objected`
    return `${guardrail} did not object to any candidate; ${known}`
  }
  const candidates = input.candidates.map((candidate) => {
    const { objections } = candidate.guardrails
    const others = objections.filter((objection) => objection.guardrail !== guardrail)
    if (others.length === objections.length) return candidate
    return { ...candidate, guardrails: outcomeOf(others) }
  })
  return { ...input, candidates }
}

type TreatmentChange = Exclude<Change, { kind: 'feature' | 'without-guardrail' }>

function withTreatment(input: DecisionInput, change: TreatmentChange): DecisionInput | string {
  const campaignIndex = input.campaigns.findIndex(({ campaignId }) => campaignId === change.campaignId)
  const spec = input.campaigns[campaignIndex]?.spec
  const treatmentIndex =
    spec?.treatments.findIndex(({ treatmentId }) => treatmentId === change.treatmentId) ?? -1
  if (spec === undefined || treatmentIndex < 0) {
    const known = input.campaigns.flatMap((campaign) =>
      campaign.spec.treatments.map(({ treatmentId }) => `${campaign.campaignId} ${treatmentId}`),
    )
    return `no candidate is ${change.campaignId} ${change.treatmentId}; there are ${known.join(', ')}`
  }
  if (change.kind === 'fatigue') {
    const isIt = (candidate: DecisionInput['candidates'][number]) =>
      candidate.campaignIndex === campaignIndex && candidate.treatmentIndex === treatmentIndex
    const candidates = input.candidates.map((one) => (isIt(one) ? { ...one, fatigue: change.to } : one))
    return { ...input, candidates }
  }
  const treatments = spec.treatments.with(
    treatmentIndex,
    changedTreatment(spec.treatments[treatmentIndex]!, change.kind, change.to),
  )
  const changed: CampaignSpec = { ...spec, treatments }
  return {
    ...input,
    campaigns: input.campaigns.map((campaign, index) =>
      index === campaignIndex ? { ...campaign, spec: changed } : campaign,
    ),
  }
}

/** `to` is in units of the reporting currency, a lever a plain number. */
function changedTreatment(
  treatment: TreatmentSpec,
  kind: 'value' | 'lever' | 'cost',
  to: number,
): TreatmentSpec {
  if (kind === 'lever') return { ...treatment, lever: to }
  const micros = Math.round(to * 1_000_000)
  return kind === 'value' ? { ...treatment, valueMicros: micros } : { ...treatment, costMicros: micros }
}

import type { CampaignSpec, TreatmentSpec } from '#contracts/campaign.ts'
import type { DecisionInput, DecodedDecision } from '#contracts/decision.ts'
import { allow, type GuardrailOutcome } from '#contracts/guardrail.ts'
import { decide } from './decide.ts'
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

/**
 * The same decision once more with one input changed. Nothing is stored. `names`: of the features, in the
 * order of the record's schema.
 */
export function whatIf(
  record: Uint8Array,
  sources: ReplaySources,
  names: readonly string[],
  change: Change,
): WhatIf {
  const input = inputOf(decodeRecord(record), sources)
  const changed = changedInput(input, names, change)
  if (typeof changed === 'string') return { kind: 'refused', detail: changed }
  const { record: again } = decide(changed)
  return { kind: 'decided', decoded: decodeDecision(again), campaigns: changed.campaigns }
}

function changedInput(
  input: DecisionInput,
  names: readonly string[],
  change: Change,
): DecisionInput | string {
  switch (change.kind) {
    case 'feature':
      return withFeature(input, names, change.name, change.value)
    case 'without-guardrail':
      return withoutGuardrail(input, change.guardrail)
    default:
      return withTreatment(input, change)
  }
}

function withFeature(input: DecisionInput, names: readonly string[], name: string, value: number) {
  const at = names.indexOf(name)
  if (at < 0 || at >= input.features.length) {
    return `no feature is called ${JSON.stringify(name)}; there are ${names.join(', ')}`
  }
  const features = Float64Array.from(input.features)
  features[at] = value
  return { ...input, features }
}

function withoutGuardrail(input: DecisionInput, guardrail: string): DecisionInput | string {
  const objecting = new Set(
    input.candidates.flatMap(({ guardrails }) => guardrails.objections.map((one) => one.guardrail)),
  )
  if (!objecting.has(guardrail)) {
    const known = objecting.size === 0 ? 'nobody objected' : `${[...objecting].sort().join(', ')} objected`
    return `${guardrail} did not object to any candidate; ${known}`
  }
  const candidates = input.candidates.map((candidate) => ({
    ...candidate,
    guardrails: lifted(candidate.guardrails, guardrail),
  }))
  return { ...input, candidates }
}

/** The outcome as if the guardrail were not there; the strictest of the rest decides, as in the guardrails. */
function lifted(outcome: GuardrailOutcome, guardrail: string): GuardrailOutcome {
  const objections = outcome.objections.filter((objection) => objection.guardrail !== guardrail)
  if (objections.length === outcome.objections.length) return outcome
  const suppressing = objections.find(({ verdict }) => verdict.kind === 'suppress')
  const deferring = objections.reduce<(typeof objections)[number] | undefined>((latest, next) => {
    const isLater = next.verdict.kind === 'defer' && untilOf(next) > (latest ? untilOf(latest) : 0)
    return isLater ? next : latest
  }, undefined)
  const winner = suppressing ?? deferring
  return winner === undefined
    ? { verdict: allow, by: '', objections: [] }
    : { verdict: winner.verdict, by: winner.guardrail, objections }
}

function untilOf({ verdict }: GuardrailOutcome['objections'][number]): number {
  return verdict.kind === 'defer' ? verdict.untilMs : 0
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

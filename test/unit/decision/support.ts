import type { CampaignSpec, ChannelName, Experiment, TreatmentSpec } from '#contracts/campaign.ts'
import {
  type Candidate,
  type DecisionCampaign,
  type DecisionInput,
  headKey,
  type PolicySnapshot,
} from '#contracts/decision.ts'
import { allow, type GuardrailOutcome } from '#contracts/guardrail.ts'
import { stableId } from '#platform/ids/ids.ts'

export const decidedAt = Date.UTC(2026, 2, 1, 12)
const allowed: GuardrailOutcome = { verdict: allow, by: '', objections: [] }

export function suppressedBy(...guardrails: string[]): GuardrailOutcome {
  const objections = guardrails.toSorted().map((guardrail) => ({
    guardrail,
    verdict: {
      kind: 'suppress' as const,
      reason: `${guardrail}_says_no`,
      inputs: { used: 2, cap: 'day[0]' },
    },
  }))
  return { verdict: objections[0]!.verdict, by: objections[0]!.guardrail, objections }
}

export function deferredTo(untilMs: number): GuardrailOutcome {
  const verdict = {
    kind: 'defer' as const,
    untilMs,
    reason: 'quiet_hours',
    inputs: { zone: 'Europe/Berlin' },
  }
  return { verdict, by: 'quiet-hours', objections: [{ guardrail: 'quiet-hours', verdict }] }
}

export function makeTreatment(over: Partial<TreatmentSpec> & { offerId?: string } = {}): TreatmentSpec {
  const channel: ChannelName = over.channel ?? 'email'
  const template = { id: 'hello', channel, subject: 'Hi', html: '', text: '', defaults: {} }
  const offerId = over.offerId ?? 'ten-percent'
  const { offerId: _, ...rest } = over
  return {
    treatmentId: `${offerId}/${channel}`,
    offer: { id: offerId, name: `Offer ${offerId}`, value: 5, available: true, facts: {} },
    channel,
    costMicros: 0,
    valueMicros: 5_000_000,
    lever: 1,
    variants: [{ variantId: 'plain', weight: 1, template }],
    ...rest,
  }
}

export function makeVariants(...weights: number[]): TreatmentSpec['variants'] {
  const template = { id: 'hello', channel: 'email' as const, subject: 'Hi', html: '', text: '', defaults: {} }
  return weights.map((weight, index) => ({ variantId: `v${index}`, weight, template }))
}

export function makeSpec(
  campaignId: string,
  treatments: TreatmentSpec[],
  arms?: Experiment['arms'],
): CampaignSpec {
  return {
    campaignId,
    name: campaignId,
    goal: { id: 'order', event: 'Order Completed', windowHours: 72 },
    alsoMeasure: [],
    trigger: { event: 'Product Viewed' },
    treatments,
    policy:
      arms === undefined
        ? { kind: 'inverse-gap' }
        : { kind: 'fixed-split', experiment: { id: `${campaignId}-test`, arms } },
    holdout: 0.1,
    frequencyCaps: [],
    expiresAfterMs: 86_400_000,
    features: [],
  }
}

export function makeCampaign(spec: CampaignSpec, over: Partial<DecisionCampaign> = {}): DecisionCampaign {
  return { campaignId: spec.campaignId, version: 1, spec, heldOut: false, arm: '', ...over }
}

/** Every treatment of every campaign, allowed. */
export function candidatesOf(campaigns: DecisionCampaign[]): Candidate[] {
  return campaigns.flatMap(({ spec }, campaignIndex) =>
    spec.treatments.map(({ channel }, treatmentIndex) => ({
      campaignIndex,
      treatmentIndex,
      channel,
      fatigue: 0,
      guardrails: allowed,
      missingVariables: [],
    })),
  )
}

/** Heads by campaign and treatment; the response at features [1, …] is σ of the first weight. */
export function makeSnapshot(
  heads: Record<string, Record<string, number[]>> = {},
  over: Partial<PolicySnapshot> = {},
): PolicySnapshot {
  const all = new Map<string, Float64Array>()
  for (const [campaignId, treatments] of Object.entries(heads)) {
    for (const [treatmentId, weights] of Object.entries(treatments)) {
      all.set(headKey(campaignId, treatmentId), Float64Array.from(weights))
    }
  }
  return {
    snapshotId: stableId('snapshot'),
    sequence: 1,
    t: 1,
    boundMicros: 5_000_000,
    featureSchema: 'v1',
    heads: all,
    ...over,
  }
}

export function makeInput(campaigns: DecisionCampaign[], over: Partial<DecisionInput> = {}): DecisionInput {
  return {
    workspace: 'shop',
    decisionId: stableId('decision'),
    customerId: stableId('customer'),
    trigger: { kind: 'event', triggerId: 'evt-1', step: 0 },
    decidedAt,
    featureSchema: 'v1',
    features: Float64Array.of(1, 0.5),
    snapshot: makeSnapshot(),
    campaigns,
    candidates: candidatesOf(campaigns),
    ...over,
  }
}

/** The same decision for many customers. */
export function withId(input: DecisionInput, index: number): DecisionInput {
  return { ...input, decisionId: stableId('decision', String(index)) }
}

export function logit(p: number): number {
  return Math.log(p / (1 - p))
}

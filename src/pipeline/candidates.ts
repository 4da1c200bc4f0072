import type { CampaignSpec, ChannelName } from '#contracts/campaign.ts'
import type { Candidate } from '#contracts/decision.ts'
import { allowed, type GuardrailFacts, type GuardrailOutcome } from '#contracts/guardrail.ts'
import type { GuardrailRunner } from '../guardrails/run/evaluate.ts'

export interface CandidateSources {
  guardrails: GuardrailRunner
  facts: Omit<GuardrailFacts, 'campaign' | 'candidate'>
  campaigns: readonly GuardrailFacts['campaign'][]
  addressOf: (channel: ChannelName) => string | null
  /** Variables without a value, by treatment; null where none lacks any, as mostly. */
  missingOf: (campaignIndex: number) => readonly string[][] | null
}

/**
 * Every treatment of the campaigns with what the guardrails say of it, campaign by campaign. Candidates
 * that nothing stands against are the same objects from decision to decision: 20 a decision are made.
 */
export function candidatesOf({
  guardrails,
  facts,
  campaigns,
  addressOf,
  missingOf,
}: CandidateSources): readonly Candidate[] {
  const outcomes = guardrails.evaluateTreatments(facts, campaigns, addressOf)
  let all: readonly Candidate[] = none
  for (let index = 0; index < campaigns.length; index += 1) {
    const own = candidatesOfCampaign(campaigns[index]!.spec, index, outcomes[index]!, missingOf(index))
    all = all.length === 0 ? own : [...all, ...own]
  }
  return all
}

const none: readonly Candidate[] = []

function candidatesOfCampaign(
  spec: CampaignSpec,
  campaignIndex: number,
  outcomes: readonly GuardrailOutcome[] | null,
  missing: readonly string[][] | null,
): readonly Candidate[] {
  const open = openCandidates(spec, campaignIndex)
  if (outcomes === null && missing === null) return open
  const own: Candidate[] = []
  for (let t = 0; t < open.length; t += 1) {
    const candidate = open[t]!
    const missingVariables = missing?.[t] ?? complete
    const guardrails = outcomes?.[t] ?? allowed
    const isOpen = guardrails.verdict.kind === 'allow' && missingVariables.length === 0
    own.push(isOpen ? candidate : { ...candidate, guardrails, missingVariables })
  }
  return own
}

/** Of every candidate that lacks nothing. */
const complete: string[] = []
Object.freeze(complete)

/** By place of the campaign in the decision. Specs are immutable: their candidates are made once. */
const openBySpec = new WeakMap<CampaignSpec, (readonly Candidate[])[]>()

function openCandidates(spec: CampaignSpec, campaignIndex: number): readonly Candidate[] {
  let byIndex = openBySpec.get(spec)
  if (byIndex === undefined) {
    byIndex = []
    openBySpec.set(spec, byIndex)
  }
  byIndex[campaignIndex] ??= spec.treatments.map(({ channel }, treatmentIndex) =>
    Object.freeze({
      campaignIndex,
      treatmentIndex,
      channel,
      fatigue: 0,
      guardrails: allowed,
      missingVariables: complete,
    }),
  )
  return byIndex[campaignIndex]
}

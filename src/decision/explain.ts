import type { CampaignSpec, TreatmentSpec } from '#contracts/campaign.ts'
import type {
  DecisionCampaign,
  DecisionChoice,
  DecodedCandidate,
  DecodedDecision,
  PolicySnapshot,
} from '#contracts/decision.ts'
import type { GuardrailOutcome } from '#contracts/guardrail.ts'
import { type Contributions, contributionsOf, namedFeatures, type TailNames } from './contributions.ts'
import { neededForTie } from './runner-up.ts'

/** A decision as people read it: who was in, who fell out and why, what each was worth, who was drawn. */
export interface DecisionExplanation {
  decisionId: string
  customerId: string
  workspace: string
  trigger: DecodedDecision['trigger']
  decidedAt: number
  engineVersion: string
  snapshotId: string
  t: number
  /** Which policy drew; 0 as γ where it has none. */
  policy: DecodedDecision['policy']
  gamma: number
  /** Units of the reporting currency that a score is divided by. */
  bound: number
  seed: string
  funnel: { candidates: number; excluded: number; drawn: number; chosen: 0 | 1 }
  campaigns: DecodedDecision['campaigns']
  excluded: ExcludedCandidate[]
  /** Those that took part in the draw, the most probable first. */
  drawn: DrawnCandidate[]
  /** What "nothing" had of the draw; it is always worth 0. */
  nothing: { probability: number; isChosen: boolean }
  /** What happens unprompted, by campaign: what each feature adds to its log-odds. */
  unprompted: { campaignId: string; contributions: Contributions }[]
  /** The next best by score, or the best where another was drawn; null where fewer than two were scored. */
  runnerUp: RunnerUp | null
  /** Features that are not 0. */
  features: { name: string; value: number }[]
  choice: DecisionChoice
  /** The hours that were open, and what was known of the customer's own; null where the campaign chose none. */
  sendTime: DecodedDecision['sendTime']
  /** One sentence. */
  verdict: string
}

interface NamedTreatment {
  campaignId: string
  treatmentId: string
  offerName: string
  channel: string
}

export interface RunnerUp extends NamedTreatment {
  /** How much less (negative: more) it was worth than the chosen one, or than nothing. */
  scoreGap: number
  /** One factor at a time that would have made both worth the same; null where none would. In units. */
  needs: {
    responseProbability: number | null
    fatigue: number | null
    value: number | null
    lever: number | null
    cost: number | null
  }
}

export interface ExcludedCandidate extends NamedTreatment {
  /** The deciding guardrail, `missing-variable`, or `not-in-arm`. */
  by: string
  reason: string
  objections: GuardrailOutcome['objections']
  missingVariables: string[]
}

export interface DrawnCandidate extends NamedTreatment {
  /** Null in a fixed split, which scores nothing. Money in units of the reporting currency. */
  score: {
    responseProbability: number
    unpromptedProbability: number
    fatigue: number
    value: number
    lever: number
    cost: number
    score: number
  } | null
  /** What each feature adds to the log-odds of a response; null in a fixed split, or without the snapshot. */
  contributions: Contributions | null
  /** At the treatment stage. */
  probability: number
  /** When it would be sent, where a guardrail deferred it. */
  deferred: { untilMs: number; by: string; reason: string } | null
  isChosen: boolean
  /** Only of the chosen one. */
  variants: { variantId: string; probability: number; isChosen: boolean }[]
}

/**
 * @param campaigns the campaign versions that the record names, in its order
 * @param snapshot the one it names; without it the features' contributions are left out
 * @param tailNames of the hashed features, as far as they are known; the others go by their slots
 */
export function explainDecision(
  decoded: DecodedDecision,
  campaigns: readonly Pick<DecisionCampaign, 'spec'>[],
  snapshot: PolicySnapshot | null = null,
  tailNames: TailNames = new Map(),
): DecisionExplanation {
  const { choice } = decoded
  const withNames = { ...decoded, tailNames }
  const excluded: ExcludedCandidate[] = []
  const drawn: (DrawnCandidate & Named)[] = []
  decoded.candidates.forEach((candidate, index) => {
    const named = namedTreatment(candidate, campaigns)
    if (candidate.probability > 0)
      drawn.push({
        ...drawnCandidate(candidate, named, index, choice),
        contributions: contributionsTo(withNames, candidate, named, snapshot),
      })
    else excluded.push(excludedCandidate(candidate, named))
  })
  drawn.sort((a, b) => b.probability - a.probability)
  const {
    candidates,
    features,
    tail,
    boundMicros,
    nothingProbability,
    featureSchema,
    variantId: _,
    ...facts
  } = decoded
  return {
    ...facts,
    bound: unitsOf(boundMicros),
    funnel: {
      candidates: candidates.length,
      excluded: excluded.length,
      drawn: drawn.length,
      chosen: choice.kind === 'treatment' ? 1 : 0,
    },
    excluded,
    drawn: drawn.map(({ treatment: _, ...shown }) => shown),
    nothing: { probability: nothingProbability, isChosen: choice.kind === 'nothing' },
    unprompted: unpromptedOf(withNames, campaigns, snapshot),
    runnerUp: runnerUpOf(decoded, campaigns),
    features: namedFeatures({ features, tail, featureSchema, tailNames }),
    verdict: verdictOf(choice, drawn, candidates.length),
  }
}

type DecodedWithNames = DecodedDecision & { tailNames: TailNames }

interface Named extends NamedTreatment {
  treatment: TreatmentSpec
}

function namedTreatment(
  candidate: DecodedCandidate,
  campaigns: readonly Pick<DecisionCampaign, 'spec'>[],
): Named {
  const spec: CampaignSpec | undefined = campaigns[candidate.campaignIndex]?.spec
  const treatment = spec?.treatments[candidate.treatmentIndex]
  if (spec === undefined || treatment === undefined) {
    throw new RangeError(
      `no treatment ${candidate.treatmentIndex} in campaign ${candidate.campaignIndex} of the record`,
    )
  }
  const { treatmentId, offer, channel } = treatment
  return { campaignId: spec.campaignId, treatmentId, offerName: offer.name, channel, treatment }
}

function excludedCandidate(
  candidate: DecodedCandidate,
  { treatment: _, ...named }: Named,
): ExcludedCandidate {
  const { guardrails, missingVariables } = candidate
  const { objections, verdict } = guardrails
  if (verdict.kind === 'suppress') {
    return { ...named, by: guardrails.by, reason: verdict.reason, objections, missingVariables }
  }
  if (missingVariables.length > 0) {
    return {
      ...named,
      by: 'missing-variable',
      reason: missingVariables.join(', '),
      objections,
      missingVariables,
    }
  }
  return { ...named, by: 'not-in-arm', reason: 'another_arm_decides', objections, missingVariables }
}

function drawnCandidate(
  candidate: DecodedCandidate,
  named: Named,
  index: number,
  choice: DecisionChoice,
): Omit<DrawnCandidate & Named, 'contributions'> {
  const { guardrails, probability } = candidate
  const { verdict } = guardrails
  const isChosen = choice.kind === 'treatment' && choice.candidateIndex === index
  return {
    ...named,
    score: scoreOf(candidate),
    probability,
    deferred:
      verdict.kind === 'defer'
        ? { untilMs: verdict.untilMs, by: guardrails.by, reason: verdict.reason }
        : null,
    isChosen,
    variants: candidate.variantProbabilities.map((variantProbability, variantIndex) => ({
      variantId: named.treatment.variants[variantIndex]?.variantId ?? '',
      probability: variantProbability,
      isChosen: isChosen && choice.variantIndex === variantIndex,
    })),
  }
}

function scoreOf(candidate: DecodedCandidate): DrawnCandidate['score'] {
  if (Number.isNaN(candidate.scoreMicros)) return null
  const { responseProbability, unpromptedProbability, fatigue, lever } = candidate
  return {
    responseProbability,
    unpromptedProbability,
    fatigue,
    value: unitsOf(candidate.valueMicros),
    lever,
    cost: unitsOf(candidate.costMicros),
    score: unitsOf(candidate.scoreMicros),
  }
}

function contributionsTo(
  decoded: DecodedWithNames,
  candidate: DecodedCandidate,
  { campaignId, treatmentId }: Named,
  snapshot: PolicySnapshot | null,
): Contributions | null {
  if (snapshot === null || Number.isNaN(candidate.scoreMicros)) return null
  return contributionsOf(decoded, snapshot, campaignId, treatmentId)
}

function unpromptedOf(
  decoded: DecodedWithNames,
  campaigns: readonly Pick<DecisionCampaign, 'spec'>[],
  snapshot: PolicySnapshot | null,
): DecisionExplanation['unprompted'] {
  if (snapshot === null) return []
  const scored = decoded.candidates.filter(({ scoreMicros }) => !Number.isNaN(scoreMicros))
  return [...new Set(scored.map(({ campaignIndex }) => campaignIndex))].map((index) => {
    const { campaignId } = campaigns[index]!.spec
    const contributions = contributionsOf(decoded, snapshot, campaignId)
    return { campaignId, contributions }
  })
}

/** The best by score of those not drawn; against the one drawn, or against nothing, which is worth 0. */
function runnerUpOf(
  { candidates, choice }: DecodedDecision,
  campaigns: readonly Pick<DecisionCampaign, 'spec'>[],
): RunnerUp | null {
  if (choice.kind !== 'treatment' && choice.kind !== 'nothing') return null
  const chosen = choice.kind === 'treatment' ? candidates[choice.candidateIndex] : undefined
  const others = candidates.filter((other) => other !== chosen && !Number.isNaN(other.scoreMicros))
  const next = others.toSorted((a, b) => b.scoreMicros - a.scoreMicros)[0]
  if (next === undefined || Number.isNaN(chosen?.scoreMicros)) return null
  const scoreMicros = chosen?.scoreMicros ?? 0
  const { treatment: _, ...named } = namedTreatment(next, campaigns)
  const { responseProbability, fatigue, valueMicros, lever, costMicros } = neededForTie(next, scoreMicros)
  const value = valueMicros === null ? null : unitsOf(valueMicros)
  const cost = costMicros === null ? null : unitsOf(costMicros)
  const needs = { responseProbability, fatigue, value, lever, cost }
  return { ...named, scoreGap: unitsOf(scoreMicros - next.scoreMicros), needs }
}

function verdictOf(choice: DecisionChoice, drawn: (DrawnCandidate & Named)[], candidates: number): string {
  const percent = (p: number) => `${(p * 100).toFixed(1)} %`
  if (choice.kind === 'held-out')
    return 'Held out: the customer shows what happens without us, so nothing was drawn.'
  if (choice.kind === 'none-eligible') {
    return candidates === 0
      ? 'No campaign had anything to propose.'
      : 'Guardrails or missing variables left nothing to choose from, so nothing was drawn.'
  }
  if (choice.kind === 'nothing')
    return `To do nothing was drawn, with probability ${percent(choice.propensity)}.`
  const chosen = drawn.find(({ isChosen }) => isChosen)
  const variant = chosen?.variants.find(({ isChosen }) => isChosen)?.variantId ?? ''
  const what = chosen === undefined ? 'A treatment' : `${chosen.treatmentId} of ${chosen.campaignId}`
  return `${what}, variant ${variant}, was drawn, with probability ${percent(choice.propensity)}.`
}

function unitsOf(micros: number): number {
  return micros / 1_000_000
}

import type { CampaignSpec, ChannelName } from '#contracts/campaign.ts'
import type { Candidate, DecisionCampaign, DecisionInput, DecisionTrigger } from '#contracts/decision.ts'
import type { CampaignFacts, CustomerFacts, GuardrailOutcome } from '#contracts/guardrail.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Customer, Profile } from '#contracts/profile.ts'
import { dayUtcOf, decisionIdOf } from '#platform/ids/ids.ts'
import { assign, isOutsideGroup, runningExperiment, unitOf } from '../campaign/assignment.ts'
import type { AssignmentRow } from '../campaign/assignment-rows.ts'
import type { TemplateContext } from '../creative/context.ts'
import type { GuardrailRunner } from '../guardrails/run/evaluate.ts'
import { candidatesOf } from './candidates.ts'
import { addressesOf, addressFor, customerFactsOf, globalHoldoutId } from './customer-facts.ts'
import { featuresFor, featureTraits } from './decision-features.ts'
import { tiredCandidates } from './fatigue.ts'
import { sendSlotsOf } from './send-slots.ts'
import { missingByTreatment, type TemplateNeeds } from './template-needs.ts'
import { isPlacement, itemFor, readerOf, stockFor, templateContextOf } from './template-values.ts'
import { assignmentKey, type WorkspaceBatch } from './workspace-batch.ts'
import type { RunningCampaign } from './workspace-context.ts'

export interface DecisionParts {
  guardrails: GuardrailRunner
}

export interface TriggeredDecision {
  customer: Customer
  /** Live campaigns whose trigger this is, in the order of their ids. */
  campaigns: RunningCampaign[]
  trigger: DecisionTrigger
  now: number
  /** Of the trigger, by the wall clock: its day keys the decision's row. */
  receivedAt: number
  event: { name: string; properties: JsonObject }
  /** When what triggered it happened: whoever meets the goal from then on does not get the message. */
  since?: number
  /** A step of a journey: only its treatments are candidates. */
  touch?: { journeyId: string; treatmentIds: ReadonlySet<string> }
}

/** What is known of the customers who are decided about: read in bulk, by a batch or for a request. */
export type DecisionFacts = Pick<
  WorkspaceBatch,
  'context' | 'assignments' | 'consents' | 'suppressions' | 'contacts' | 'spend' | 'pushAddresses' | 'items'
> &
  Partial<Pick<WorkspaceBatch, 'accountMembers'>>

export interface PreparedDecision {
  input: DecisionInput
  /** Who counts in uplift from this trigger on, where no row says so already. */
  enrolments: AssignmentRow[]
}

/** Objections that keep a customer out of a campaign's population, in both arms alike. */
const populationGuardrails = new Set([
  'consent',
  'suppression',
  'send-address',
  'campaign-state',
  'offer-valid',
  'in-stock',
  'budget',
])

/**
 * Campaigns → candidates → guardrails, for one trigger: all that a decision is made of. It changes nothing.
 * Null where no campaign's audience has the customer.
 */
export function prepareDecision(
  parts: DecisionParts,
  known: DecisionFacts,
  triggered: TriggeredDecision,
): PreparedDecision | null {
  const { customer, trigger, now } = triggered
  const { settings, guardrails: guardrailSettings, snapshot } = known.context
  const { workspace } = settings
  const decisionId = decisionIdOf(workspace, customer.customerId, trigger, dayUtcOf(triggered.receivedAt))
  const running = triggered.campaigns.filter(
    (campaign) =>
      campaign.audience({ profile: customer.profile, now, event: triggered.event }) &&
      !isLeftToOthers(known, campaign, customer.customerId),
  )
  if (running.length === 0) return null
  const facts = customerFacts(known, triggered)
  const campaigns = running.map((campaign) => joinCampaign(known, campaign, facts, customer.profile))
  const judgedBy = {
    stage: 'decision' as const,
    now,
    workspace: settings,
    settings: guardrailSettings,
    customer: facts,
    stock: stockFor(known, triggered),
    transactional: false,
    messageId: '',
  }
  const factsOfCampaigns = campaigns.map((campaign, index) => campaignFacts(known, campaign, running[index]!))
  const { guardrails } = parts
  let context: TemplateContext | null = null
  const missingOf = (needs: TemplateNeeds, spec: CampaignSpec): string[][] | null => {
    context ??= templateContextOf(triggered, spec.treatments[0]!.offer, known)
    return missingByTreatment(needs, spec, context, {
      itemOf: (offer) => itemFor(known, triggered, offer),
      reader: readerOf(triggered.customer, known.context.settings),
    })
  }
  const judged = candidatesOf({
    guardrails,
    facts: judgedBy,
    campaigns: factsOfCampaigns,
    addressOf: (channel) => addressIn(known, triggered, channel),
    missingOf: (index) => missingOf(running[index]!.needs, campaigns[index]!.spec),
  })
  const asked = isPlacement(triggered) ? notLater(judged) : ofTouch(judged, campaigns, triggered)
  const candidates = tiredCandidates(asked, campaigns, {
    fatigue: guardrailSettings.fatigue,
    contacts: facts.contacts,
    now,
  })
  const enrolments = campaigns.flatMap((campaign, index) =>
    candidates.some((candidate) => candidate.campaignIndex === index && inPopulation(candidate))
      ? enrolmentsOf(known, campaign, facts, decisionId, now)
      : [],
  )
  const input: DecisionInput = {
    workspace,
    decisionId,
    customerId: customer.customerId,
    trigger,
    decidedAt: now,
    featureSchema: snapshot.featureSchema,
    ...featuresFor(known.context.features, {
      profile: customer.profile,
      ...featureTraits(campaigns),
      contacts: facts.contacts,
      now,
      zone: facts.zone,
      ...(isPlacement(triggered)
        ? { request: { placement: triggered.event.name, context: triggered.event.properties } }
        : {}),
    }),
    snapshot,
    campaigns,
    candidates,
    sendSlots(candidateIndex) {
      const { campaignIndex, treatmentIndex, channel } = candidates[candidateIndex]!
      const sources = { guardrails, facts: judgedBy, profile: customer.profile }
      const campaign = factsOfCampaigns[campaignIndex]!
      const treatment = campaign.spec.treatments[treatmentIndex]!
      return sendSlotsOf(sources, campaign, treatment, addressIn(known, triggered, channel))
    },
  }
  return { input, enrolments }
}

/** A touch proposes its own treatments. */
function ofTouch(
  judged: readonly Candidate[],
  campaigns: readonly DecisionCampaign[],
  { touch }: TriggeredDecision,
): readonly Candidate[] {
  if (touch === undefined) return judged
  return judged.filter(({ campaignIndex, treatmentIndex }) =>
    touch.treatmentIds.has(campaigns[campaignIndex]!.spec.treatments[treatmentIndex]!.treatmentId),
  )
}

function customerFacts(facts: DecisionFacts, triggered: TriggeredDecision): CustomerFacts {
  const { customer } = triggered
  const { pushAddresses, context } = facts
  const { country } = context.settings
  const addresses = addressesOf({ ...customer, pushAddresses, country }, context.messageChannels)
  return customerFactsOf({
    ...facts,
    customer,
    addresses: isPlacement(triggered) ? { ...addresses, 'in-app': customer.customerId } : addresses,
    globalAssignment: facts.assignments.get(assignmentKey(globalHoldoutId, customer.customerId)),
  })
}

/**
 * Experiments of a group share no customer: who is in none of them yet goes by the group's slots, and who was
 * in another one before its slots were changed stays there.
 */
function isLeftToOthers(known: DecisionFacts, { version }: RunningCampaign, customerId: string): boolean {
  const experiment = runningExperiment(version.spec)
  if (experiment?.group === undefined) return false
  if (known.assignments.has(assignmentKey(version.campaignId, customerId))) return false
  const { campaigns, settings } = known.context
  for (const [campaignId, other] of campaigns) {
    const theirs = runningExperiment(other.version.spec)
    if (theirs?.group?.id !== experiment.group.id || theirs.id === experiment.id) continue
    if (other.version.state === 'ended') continue
    if ((known.assignments.get(assignmentKey(campaignId, customerId))?.arm ?? '') !== '') return true
  }
  return isOutsideGroup(experiment, settings.workspace, customerId)
}

/** The stored assignment, else the one the stable hash gives. */
function joinCampaign(
  facts: DecisionFacts,
  running: RunningCampaign,
  customer: CustomerFacts,
  profile: Profile,
): DecisionCampaign {
  const { campaignId, version, spec } = running.version
  const stored = facts.assignments.get(assignmentKey(campaignId, customer.customerId))
  const { workspace } = facts.context.settings
  const fresh =
    stored === undefined ? assign(spec, workspace, unitOf(spec, customer.customerId, profile)) : null
  return {
    campaignId,
    version,
    spec,
    heldOut: stored !== undefined ? stored.heldOut : customer.globalHoldout || (fresh?.heldOut ?? false),
    arm: stored?.arm ?? fresh?.arm ?? '',
  }
}

function campaignFacts(
  known: DecisionFacts,
  { campaignId, version, spec, heldOut }: DecisionCampaign,
  running: RunningCampaign,
): CampaignFacts {
  const { state } = running.version
  const spentMicros = known.spend.get(campaignId) ?? 0
  return { campaignId, version, state, spec, heldOut, spentMicros, goalMet: false }
}

function addressIn(
  { pushAddresses, context }: DecisionFacts,
  triggered: TriggeredDecision,
  channel: ChannelName,
): string | null {
  const { customer } = triggered
  if (isPlacement(triggered)) return customer.customerId
  return addressFor(channel, { ...customer, pushAddresses, country: context.settings.country })
}

/**
 * What a guardrail would put off cannot be shown now, and there is no later in a placement: it is refused for
 * the same reason. Candidates that share an outcome go on sharing it.
 */
function notLater(candidates: readonly Candidate[]): readonly Candidate[] {
  const refused = new Map<GuardrailOutcome, GuardrailOutcome>()
  const now = (outcome: GuardrailOutcome): GuardrailOutcome => {
    if (outcome.verdict.kind !== 'defer') return outcome
    const { reason, inputs } = outcome.verdict
    const own = refused.get(outcome) ?? { ...outcome, verdict: { kind: 'suppress', reason, inputs } }
    refused.set(outcome, own)
    return own
  }
  if (candidates.every(({ guardrails }) => guardrails.verdict.kind !== 'defer')) return candidates
  return candidates.map((candidate) => ({ ...candidate, guardrails: now(candidate.guardrails) }))
}

/**
 * A candidate counts for the population when only holdout, caps, quiet hours or the kill switch could
 * stand against it: those come after the row, alike in both arms.
 */
function inPopulation(candidate: Candidate): boolean {
  return (
    candidate.missingVariables.length === 0 &&
    candidate.guardrails.objections.every(({ guardrail }) => !populationGuardrails.has(guardrail))
  )
}

/** The row that uplift counts by, and the one of the holdout of everything where there is such a holdout. */
function enrolmentsOf(
  facts: DecisionFacts,
  campaign: DecisionCampaign,
  customer: CustomerFacts,
  decisionId: string,
  now: number,
): AssignmentRow[] {
  const row: AssignmentRow = {
    campaignId: campaign.campaignId,
    customerId: customer.customerId,
    campaignVersion: campaign.version,
    heldOut: campaign.heldOut,
    arm: campaign.arm,
    enteredAt: now,
    decisionId,
  }
  const rows = [row]
  if (facts.context.guardrails.globalHoldout > 0) {
    const heldOut = customer.globalHoldout
    rows.push({ ...row, campaignId: globalHoldoutId, campaignVersion: 0, heldOut, arm: '' })
  }
  return rows.filter(({ campaignId }) => !facts.assignments.has(assignmentKey(campaignId, row.customerId)))
}

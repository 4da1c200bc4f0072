import type { Offer } from '#contracts/campaign.ts'
import type { Candidate, DecisionCampaign, DecisionInput, DecisionTrigger } from '#contracts/decision.ts'
import type { CampaignFacts, CustomerFacts } from '#contracts/guardrail.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Customer } from '#contracts/profile.ts'
import { dayUtcOf, decisionIdOf } from '#platform/ids/ids.ts'
import { assign, isOutsideGroup, runningExperiment } from '../campaign/assignment.ts'
import type { AssignmentRow } from '../campaign/assignment-rows.ts'
import { type TemplateContext, templateContext } from '../creative/context.ts'
import { missingVariables } from '../creative/render.ts'
import { decide } from '../decision/decide.ts'
import { decisionRowOf } from '../decision/decision-rows.ts'
import { featureVector } from '../decision/features.ts'
import type { GuardrailRunner } from '../guardrails/run/evaluate.ts'
import { candidatesOf } from './candidates.ts'
import { addressesOf, addressFor, customerFactsOf, globalHoldoutId } from './customer-facts.ts'
import { followDecision } from './follow-decision.ts'
import { sendSlotsOf } from './send-slots.ts'
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
}

/** Objections that keep a customer out of a campaign's population, in both arms alike. */
const populationGuardrails = new Set([
  'consent',
  'suppression',
  'send-address',
  'campaign-state',
  'offer-valid',
  'budget',
])

/** Candidates → guardrails → decision → message, for one trigger. Everything it changes is in `rows`. */
export function decideForTrigger(
  parts: DecisionParts,
  rows: WorkspaceBatch,
  triggered: TriggeredDecision,
): void {
  const { customer, trigger, now } = triggered
  const { workspace } = rows.context.settings
  const decisionId = decisionIdOf(workspace, customer.customerId, trigger, dayUtcOf(triggered.receivedAt))
  const facts = customerFacts(rows, customer)
  const running = triggered.campaigns.filter(
    (campaign) =>
      campaign.audience({ profile: customer.profile, now, event: triggered.event }) &&
      !isLeftToOthers(rows, campaign, customer.customerId),
  )
  if (running.length === 0) return
  const campaigns = running.map((campaign) => joinCampaign(rows, campaign, facts))
  const judgedBy = {
    stage: 'decision' as const,
    now,
    workspace: rows.context.settings,
    settings: rows.context.guardrails,
    customer: facts,
    transactional: false,
    messageId: '',
  }
  const factsOfCampaigns = campaigns.map((campaign, index) => campaignFacts(rows, campaign, running[index]!))
  const candidates = candidatesOf({
    guardrails: parts.guardrails,
    facts: judgedBy,
    campaigns: factsOfCampaigns,
    addressOf: (channel) => addressFor(channel, customer.profile),
    missingOf: (index) => missingOf(running[index]!, triggered),
  })
  for (const [index, campaign] of campaigns.entries()) {
    if (candidates.some((candidate) => candidate.campaignIndex === index && inPopulation(candidate)))
      enrol(rows, campaign, facts, decisionId, now)
  }

  const { snapshot } = rows.context
  const input: DecisionInput = {
    workspace,
    decisionId,
    customerId: customer.customerId,
    trigger,
    decidedAt: now,
    featureSchema: snapshot.featureSchema,
    features: featureVector({
      profile: customer.profile,
      traits: [...new Set(campaigns.flatMap(({ spec }) => spec.features))],
      contacts: facts.contacts,
      now,
      zone: facts.zone,
    }),
    snapshot,
    campaigns,
    candidates,
    sendSlots(candidateIndex) {
      const { campaignIndex, treatmentIndex, channel } = candidates[candidateIndex]!
      const sources = { guardrails: parts.guardrails, facts: judgedBy, profile: customer.profile }
      const campaign = factsOfCampaigns[campaignIndex]!
      const treatment = campaign.spec.treatments[treatmentIndex]!
      return sendSlotsOf(sources, campaign, treatment, addressFor(channel, customer.profile))
    },
  }
  const decision = decide(input)
  rows.written.decisions.push(decisionRowOf(input, decision, triggered.receivedAt))
  followDecision(rows, triggered, input, decision)
}

function customerFacts(rows: WorkspaceBatch, customer: Customer): CustomerFacts {
  return customerFactsOf({
    ...rows,
    customer,
    addresses: addressesOf(customer.profile),
    globalAssignment: rows.assignments.get(assignmentKey(globalHoldoutId, customer.customerId)),
  })
}

/**
 * Experiments of a group share no customer: who is in none of them yet goes by the group's slots, and who was
 * in another one before its slots were changed stays there.
 */
function isLeftToOthers(rows: WorkspaceBatch, { version }: RunningCampaign, customerId: string): boolean {
  const experiment = runningExperiment(version.spec)
  if (experiment?.group === undefined) return false
  if (rows.assignments.has(assignmentKey(version.campaignId, customerId))) return false
  const { campaigns, settings } = rows.context
  for (const [campaignId, other] of campaigns) {
    const theirs = runningExperiment(other.version.spec)
    if (theirs?.group?.id !== experiment.group.id || theirs.id === experiment.id) continue
    if (other.version.state === 'ended') continue
    if ((rows.assignments.get(assignmentKey(campaignId, customerId))?.arm ?? '') !== '') return true
  }
  return isOutsideGroup(experiment, settings.workspace, customerId)
}

/** The stored assignment, else the one the stable hash gives. */
function joinCampaign(
  rows: WorkspaceBatch,
  running: RunningCampaign,
  facts: CustomerFacts,
): DecisionCampaign {
  const { campaignId, version, spec } = running.version
  const stored = rows.assignments.get(assignmentKey(campaignId, facts.customerId))
  const fresh = stored === undefined ? assign(spec, rows.context.settings.workspace, facts.customerId) : null
  return {
    campaignId,
    version,
    spec,
    heldOut: stored !== undefined ? stored.heldOut : facts.globalHoldout || (fresh?.heldOut ?? false),
    arm: stored?.arm ?? fresh?.arm ?? '',
  }
}

function campaignFacts(
  rows: WorkspaceBatch,
  { campaignId, version, spec, heldOut }: DecisionCampaign,
  running: RunningCampaign,
): CampaignFacts {
  const { state } = running.version
  const spentMicros = rows.spend.get(campaignId) ?? 0
  return { campaignId, version, state, spec, heldOut, spentMicros, goalMet: false }
}

/** By treatment; null where nothing is missing. Treatments of one offer share a template context. */
function missingOf({ version, templates }: RunningCampaign, triggered: TriggeredDecision): string[][] | null {
  const { customerId, profile } = triggered.customer
  let offer: Offer | null = null
  let context: TemplateContext | null = null
  let missing: string[][] | null = null
  for (const [index, treatment] of version.spec.treatments.entries()) {
    if (context === null || treatment.offer !== offer) {
      offer = treatment.offer
      context = templateContext({
        customerId,
        traits: profile.traits,
        trigger: { event: { ...triggered.event } },
        offer,
        // Any address will do: the real one is made with the message.
        unsubscribeUrl: 'https://unsubscribe.invalid/',
      })
    }
    for (const template of templates[index] ?? []) {
      for (const name of missingVariables(template, context)) {
        missing ??= version.spec.treatments.map(() => [])
        if (!missing[index]!.includes(name)) missing[index]!.push(name)
      }
    }
  }
  return missing
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

/** Writes the row that uplift counts by, at the first eligible trigger; later ones find it there. */
function enrol(
  rows: WorkspaceBatch,
  campaign: DecisionCampaign,
  facts: CustomerFacts,
  decisionId: string,
  now: number,
): void {
  const row: AssignmentRow = {
    campaignId: campaign.campaignId,
    customerId: facts.customerId,
    campaignVersion: campaign.version,
    heldOut: campaign.heldOut,
    arm: campaign.arm,
    enteredAt: now,
    decisionId,
  }
  const keep = (own: AssignmentRow): void => {
    const key = assignmentKey(own.campaignId, own.customerId)
    if (rows.assignments.has(key)) return
    rows.assignments.set(key, own)
    rows.written.assignments.push(own)
  }
  keep(row)
  if (rows.context.guardrails.globalHoldout > 0) {
    keep({ ...row, campaignId: globalHoldoutId, campaignVersion: 0, heldOut: facts.globalHoldout, arm: '' })
  }
}

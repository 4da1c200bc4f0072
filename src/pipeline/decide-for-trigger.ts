import type { Candidate, DecisionCampaign, DecisionInput, DecisionTrigger } from '#contracts/decision.ts'
import {
  allow,
  type CustomerFacts,
  type GuardrailFacts,
  type GuardrailOutcome,
} from '#contracts/guardrail.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Customer } from '#contracts/profile.ts'
import { dayUtcOf, decisionIdOf } from '#platform/ids/ids.ts'
import { assign } from '../campaign/assignment.ts'
import type { AssignmentRow } from '../campaign/assignment-rows.ts'
import { templateContext } from '../creative/context.ts'
import { missingVariables } from '../creative/render.ts'
import { decide } from '../decision/decide.ts'
import { decisionRowOf } from '../decision/decision-rows.ts'
import { featureVector } from '../decision/features.ts'
import type { GuardrailRunner } from '../guardrails/run/evaluate.ts'
import { addressesOf, addressFor, customerFactsOf, globalHoldoutId } from './customer-facts.ts'
import { followDecision } from './follow-decision.ts'
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

/** Of every candidate that lacks nothing. */
const complete: string[] = []
const unjudged: GuardrailOutcome = { verdict: allow, by: '', objections: [] }

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
  const campaigns: DecisionCampaign[] = []
  const candidates: Candidate[] = []
  for (const running of triggered.campaigns) {
    if (!running.audience({ profile: customer.profile, now, event: triggered.event })) continue
    const campaign = joinCampaign(rows, running, facts)
    const added = candidatesOf(parts, rows, triggered, running, campaign, facts, campaigns.length)
    campaigns.push(campaign)
    candidates.push(...added)
    if (added.some(inPopulation)) enrol(rows, campaign, facts, decisionId, now)
  }
  if (campaigns.length === 0) return

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

function candidatesOf(
  parts: DecisionParts,
  rows: WorkspaceBatch,
  triggered: TriggeredDecision,
  running: RunningCampaign,
  campaign: DecisionCampaign,
  customer: CustomerFacts,
  campaignIndex: number,
): Candidate[] {
  const { spec } = campaign
  const { settings, guardrails: guardrailSettings } = rows.context
  const campaignFacts: GuardrailFacts['campaign'] = {
    campaignId: campaign.campaignId,
    version: campaign.version,
    state: running.version.state,
    spec,
    heldOut: campaign.heldOut,
    spentMicros: rows.spend.get(campaign.campaignId) ?? 0,
    goalMet: false,
  }
  // One object for the guardrails and for the decision: 20 a decision are made.
  const candidates = spec.treatments.map((treatment, treatmentIndex) => ({
    campaignIndex,
    treatmentIndex,
    channel: treatment.channel,
    fatigue: 0,
    guardrails: unjudged,
    missingVariables: missingOf(running, treatmentIndex, triggered),
    campaign: campaignFacts,
    treatment,
    address: addressFor(treatment.channel, triggered.customer.profile),
  }))
  const outcomes = parts.guardrails.evaluateMany(
    {
      stage: 'decision',
      now: triggered.now,
      workspace: settings,
      settings: guardrailSettings,
      customer,
      transactional: false,
      messageId: '',
    },
    candidates,
  )
  for (const [index, candidate] of candidates.entries())
    candidate.guardrails = outcomes[index] as GuardrailOutcome
  return candidates
}

function missingOf(running: RunningCampaign, treatmentIndex: number, triggered: TriggeredDecision): string[] {
  const treatment = running.version.spec.treatments[treatmentIndex]
  if (treatment === undefined) return complete
  const context = templateContext({
    customerId: triggered.customer.customerId,
    traits: triggered.customer.profile.traits,
    trigger: { event: { ...triggered.event } },
    offer: treatment.offer,
    // Any address will do: the real one is made with the message.
    unsubscribeUrl: 'https://unsubscribe.invalid/',
  })
  const missing = (running.templates[treatmentIndex] ?? []).flatMap((template) =>
    missingVariables(template, context),
  )
  return missing.length === 0 ? complete : [...new Set(missing)]
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

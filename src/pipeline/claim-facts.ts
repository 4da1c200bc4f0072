import type { CampaignVersion } from '#contracts/campaign.ts'
import type { GuardrailFacts } from '#contracts/guardrail.ts'
import type { Customer } from '#contracts/profile.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { campaignSpend, lockSpend } from '../action/campaign-spend.ts'
import type { ClaimFacts } from '../action/claim-messages.ts'
import { loadAssignments } from '../campaign/assignment-rows.ts'
import { loadCampaignVersion } from '../campaign/campaign-rows.ts'
import { convertedSince } from '../learning/outcome-rows.ts'
import { loadConsents } from '../profile/consent-rows.ts'
import { loadCustomers } from '../profile/customer-rows.ts'
import { newProfile } from '../profile/profile.ts'
import { loadSuppressions } from '../profile/suppression-rows.ts'
import { customerFactsOf, globalHoldoutId } from './customer-facts.ts'
import { directCampaign, isDirect, loadDirectVersion } from './direct-message.ts'
import { loadSlots } from './load-slots.ts'
import { assignmentKey } from './workspace-batch.ts'
import type { WorkspaceContext, WorkspaceContexts } from './workspace-context.ts'

type Message = RowOf<'messages'>

/** What the gate judges by and what rendering then needs: the customer as of the claim, the version decided by. */
export interface SendFacts extends GuardrailFacts {
  profile: Customer
  decidedBy: CampaignVersion
}

/**
 * The facts of the last gate, read inside the claim transaction: nothing here comes from a cache that a
 * person's "no" could outrun. State, offer and guardrails are the running version's, so that a withdrawn
 * offer or a pause stops a message that was decided before; the words are those it was decided with.
 */
export function createClaimFacts(contexts: WorkspaceContexts): ClaimFacts<SendFacts> {
  return {
    async load(scope, workspace, messages, now) {
      const context = await contexts.load(scope, workspace)
      if (context === null) return new Map()
      const db = scope.workspace(workspace)
      const rows = await loadRows(db, context, messages, now)
      const facts = new Map<string, SendFacts | { gone: string }>()
      for (const message of messages)
        facts.set(message.message_id, await factsOf(db, context, rows, message, now))
      return facts
    },
  }
}

async function loadRows(db: WorkspaceDb, context: WorkspaceContext, messages: Message[], now: number) {
  const ids = [...new Set(messages.map((message) => message.customer_id))]
  const assignments = await loadAssignments(db, ids)
  const campaigns = [...new Set(messages.map((message) => message.campaign_id))]
  const budgeted = campaigns.filter((id) => context.budgetedCampaigns.includes(id))
  if (budgeted.length > 0) await lockSpend(db, campaigns)
  return {
    customers: await loadCustomers(db, ids),
    consents: await loadConsents(db, ids),
    contacts: await loadSlots(db, context, ids, now),
    suppressions: await loadSuppressions(db, [...new Set(messages.map((message) => message.address))]),
    assignments: new Map(assignments.map((row) => [assignmentKey(row.campaignId, row.customerId), row])),
    spend: await campaignSpend(db, budgeted),
  }
}

async function factsOf(
  db: WorkspaceDb,
  context: WorkspaceContext,
  rows: Awaited<ReturnType<typeof loadRows>>,
  message: Message,
  now: number,
): Promise<SendFacts | { gone: string }> {
  if (isDirect(message)) return directFactsOf(db, context, rows, message, now)
  const profile = rows.customers.get(message.customer_id)
  const running = context.campaigns.get(message.campaign_id)?.version
  const decidedBy =
    running?.version === message.campaign_version
      ? running
      : await loadCampaignVersion(db, message.campaign_id, message.campaign_version)
  const treatmentIn = (version: CampaignVersion | null | undefined) =>
    version?.spec.treatments.find((treatment) => treatment.treatmentId === message.treatment_id)
  const treatment = treatmentIn(running) ?? treatmentIn(decidedBy)
  if (profile === undefined) return { gone: 'customer_gone' }
  if (running === undefined || !decidedBy || treatment === undefined) return { gone: 'campaign_gone' }
  const own = rows.assignments.get(assignmentKey(message.campaign_id, message.customer_id))
  return {
    profile,
    decidedBy,
    stage: 'claim',
    now,
    workspace: context.settings,
    settings: context.guardrails,
    customer: customerFactsOf({
      context,
      customer: profile,
      consents: rows.consents,
      suppressions: rows.suppressions,
      contacts: rows.contacts,
      addresses: { [message.channel]: message.address },
      globalAssignment: rows.assignments.get(assignmentKey(globalHoldoutId, message.customer_id)),
    }),
    campaign: {
      campaignId: message.campaign_id,
      version: running.version,
      state: running.state,
      spec: running.spec,
      heldOut: own?.heldOut === true,
      spentMicros: rows.spend.get(message.campaign_id) ?? 0,
      goalMet: await convertedSince(db, {
        customerId: message.customer_id,
        campaignId: message.campaign_id,
        goalId: running.spec.goal.id,
        since: message.created_at,
      }),
    },
    candidate: {
      channel: treatment.channel,
      costMicros: message.cost_micros,
      address: message.address === '' ? null : message.address,
      offer: treatment.offer,
    },
    transactional: message.transactional === 1,
    messageId: message.message_id,
  }
}

/** Of a message that no campaign decided: its template is all there is, and nobody need be known. */
async function directFactsOf(
  db: WorkspaceDb,
  context: WorkspaceContext,
  rows: Awaited<ReturnType<typeof loadRows>>,
  message: Message,
  now: number,
): Promise<SendFacts | { gone: string }> {
  const decidedBy = await loadDirectVersion(db, message)
  if (decidedBy === null) return { gone: 'template_gone' }
  const customer = rows.customers.get(message.customer_id) ?? {
    workspace: db.workspace,
    customerId: message.customer_id,
    version: 0,
    mergedInto: null,
    profile: newProfile(now),
  }
  const treatment = decidedBy.spec.treatments[0]!
  return {
    profile: customer,
    decidedBy,
    stage: 'claim',
    now,
    workspace: context.settings,
    settings: context.guardrails,
    customer: customerFactsOf({
      context,
      customer,
      consents: rows.consents,
      suppressions: rows.suppressions,
      contacts: rows.contacts,
      addresses: { [message.channel]: message.address },
      globalAssignment: undefined,
    }),
    campaign: directCampaign(decidedBy),
    candidate: {
      channel: treatment.channel,
      costMicros: 0,
      address: message.address,
      offer: treatment.offer,
    },
    transactional: true,
    messageId: message.message_id,
  }
}

import type { CampaignVersion } from '#contracts/campaign.ts'
import type { GuardrailFacts } from '#contracts/guardrail.ts'
import type { Item } from '#contracts/item.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Customer } from '#contracts/profile.ts'
import { tryLockAccounts } from '#platform/store/claim.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { campaignSpend, lockSpend } from '../action/campaign-spend.ts'
import { busy, type ClaimFacts } from '../action/claim-messages.ts'
import { domainOf } from '../action/sender-domain.ts'
import { lockWarmUpCounts, warmUpKey, warmUpOf } from '../action/warm-up-rows.ts'
import { loadAssignments } from '../campaign/assignment-rows.ts'
import { type CampaignVersions, createCampaignVersions } from '../campaign/campaign-versions.ts'
import { loadJourneysById } from '../campaign/journey-rows.ts'
import { createTemplateCache, type TemplateCache } from '../creative/template-cache.ts'
import { convertedSince } from '../learning/outcome-rows.ts'
import { loadMembers } from '../profile/account-rows.ts'
import { accountIdsOf, othersOf } from '../profile/accounts.ts'
import { loadConsents } from '../profile/consent-rows.ts'
import { loadCustomers } from '../profile/customer-rows.ts'
import { currentPushAddresses } from '../profile/endpoint-rows.ts'
import { newProfile } from '../profile/profile.ts'
import { loadSuppressions } from '../profile/suppression-rows.ts'
import { customerFactsOf, globalHoldoutId } from './customer-facts.ts'
import { directCampaign, isDirect, loadDirectVersion } from './direct-message.ts'
import { noteItems, noteLocales } from './items/claim-items.ts'
import { loadSlots } from './load-slots.ts'
import { offerNow, stillStands } from './message-stands.ts'
import { variantOf } from './variant-of.ts'
import { assignmentKey } from './workspace-batch.ts'
import { followedKey, type WorkspaceContext, type WorkspaceContexts } from './workspace-context.ts'

type Message = RowOf<'messages'>

/** What the gate judges by and what rendering then needs: the customer as of the claim, the version decided by. */
export interface SendFacts extends GuardrailFacts {
  profile: Customer
  decidedBy: CampaignVersion
  /** What the offer is about, as the catalogue has it. */
  item?: Item | undefined
  /** The customer's lists of items, as the words need them. */
  items?: JsonObject
}

/**
 * The facts of the last gate, read inside the claim transaction: nothing here comes from a cache that a
 * person's "no" could outrun. State, offer and guardrails are the running version's, so that a withdrawn
 * offer or a pause stops a message that was decided before; the words are those it was decided with.
 */
export function createClaimFacts(
  contexts: WorkspaceContexts,
  {
    versions = createCampaignVersions(),
    templates = createTemplateCache(100),
    defaultFrom = '',
  }: { versions?: CampaignVersions; templates?: TemplateCache; defaultFrom?: string } = {},
): ClaimFacts<SendFacts> {
  return {
    async load(scope, workspace, messages, now) {
      const context = await contexts.load(scope, workspace)
      if (context === null) return new Map()
      const db = scope.workspace(workspace)
      const rows = await loadRows(db, context, messages, now)
      const facts = new Map<string, SendFacts | { gone: string }>()
      const free = messages.filter((message) => !rows.isBusy(message))
      for (const message of free)
        facts.set(message.message_id, await factsOf(db, context, rows, versions, message, now))
      noteLocales(context, free, facts)
      await noteItems(db, { context, templates, messages: free, now }, facts)
      await noteWarmUps(db, { context, defaultFrom, messages: free, now }, facts)
      if (free.length === messages.length) return facts
      return new Map(messages.map(({ message_id: id }) => [id, facts.get(id) ?? busy]))
    },
  }
}

async function loadRows(db: WorkspaceDb, context: WorkspaceContext, messages: Message[], now: number) {
  const ids = [...new Set(messages.map((message) => message.customer_id))]
  const assignments = await loadAssignments(db, ids)
  const campaigns = [...new Set(messages.map((message) => message.campaign_id))]
  const budgeted = campaigns.filter((id) => context.budgetedCampaigns.includes(id))
  if (budgeted.length > 0) await lockSpend(db, campaigns)
  const customers = await loadCustomers(db, ids)
  const pushes = messages.filter(({ channel }) => channel === 'push')
  const pushAddresses = await currentPushAddresses(
    db,
    pushes.map((own) => ({ messageId: own.message_id, customerId: own.customer_id, address: own.address })),
  )
  // Of somebody unknown an address is all that there is.
  const addressOf = (message: Message): string =>
    message.channel === 'push' && customers.has(message.customer_id)
      ? (pushAddresses.get(message.message_id) ?? '')
      : message.address
  const accountIds = context.sharesAccounts ? accountIdsOf(customers.values()) : []
  // From here on no other claim counts what these accounts have got.
  const locked = context.capsAccounts ? await tryLockAccounts(db, accountIds) : null
  const accountMembers = await loadMembers(db, accountIds)
  const journeyIds = messages.flatMap(({ journey_id }) => (journey_id === '' ? [] : [journey_id]))
  return {
    addressOf,
    customers,
    journeys: await loadJourneysById(db, [...new Set(journeyIds)]),
    consents: await loadConsents(db, ids),
    contacts: await loadSlots(
      db,
      context,
      [...ids, ...(context.capsAccounts ? othersOf(accountMembers, ids) : [])],
      now,
    ),
    ...(context.capsAccounts ? { accountMembers } : {}),
    isBusy({ customer_id }: Message): boolean {
      const own = customers.get(customer_id)?.profile.accounts ?? {}
      return locked !== null && !Object.keys(own).every((id) => locked.has(id))
    },
    suppressions: await loadSuppressions(db, [...new Set(messages.map(addressOf))]),
    assignments: new Map(assignments.map((row) => [assignmentKey(row.campaignId, row.customerId), row])),
    spend: await campaignSpend(db, budgeted),
    converted: await loadConverted(db, context, messages, (customerId) => {
      const own = Object.keys(customers.get(customerId)?.profile.accounts ?? {})
      return own.flatMap((id) => accountMembers.get(id) ?? [])
    }),
  }
}

async function factsOf(
  db: WorkspaceDb,
  context: WorkspaceContext,
  rows: Awaited<ReturnType<typeof loadRows>>,
  versions: CampaignVersions,
  message: Message,
  now: number,
): Promise<SendFacts | { gone: string }> {
  if (isDirect(message)) return directFactsOf(db, context, rows, message, now)
  const profile = rows.customers.get(message.customer_id)
  const running = context.campaigns.get(message.campaign_id)?.version
  const decidedBy = await decidingVersion(db, context, versions, message)
  const treatmentIn = (version: CampaignVersion | null | undefined) =>
    version?.spec.treatments.find((treatment) => treatment.treatmentId === message.treatment_id)
  const treatment = treatmentIn(running) ?? treatmentIn(decidedBy)
  if (profile === undefined) return { gone: 'customer_gone' }
  if (running === undefined || !decidedBy || treatment === undefined) return { gone: 'campaign_gone' }
  const address = rows.addressOf(message)
  const own = rows.assignments.get(assignmentKey(message.campaign_id, message.customer_id))
  const journey = rows.journeys.get(message.journey_id)
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
      ...(rows.accountMembers === undefined ? {} : { accountMembers: rows.accountMembers }),
      addresses: { [message.channel]: address },
      globalAssignment: rows.assignments.get(assignmentKey(globalHoldoutId, message.customer_id)),
    }),
    campaign: {
      campaignId: message.campaign_id,
      version: running.version,
      state: running.state,
      spec: running.spec,
      heldOut: own?.heldOut === true,
      spentMicros: rows.spend.get(message.campaign_id) ?? 0,
      goalMet: rows.converted.has(message) || hasDoneSince(profile, running, message),
      changed: !stillStands(message, decidedBy, running, journey),
      journeyLeft: journey?.state === 'left' ? journey.reason : '',
    },
    candidate: {
      channel: treatment.channel,
      costMicros: message.cost_micros,
      address: address === '' ? null : address,
      offer: offerNow(running, treatment),
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
  const address = rows.addressOf(message)
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
      addresses: { [message.channel]: address },
      globalAssignment: undefined,
    }),
    campaign: directCampaign(decidedBy),
    candidate: {
      channel: treatment.channel,
      costMicros: 0,
      address: address === '' ? null : address,
      offer: treatment.offer,
    },
    transactional: true,
    messageId: message.message_id,
  }
}

/** Each version once a claim: a definition is parsed in milliseconds. */
async function decidingVersion(
  db: WorkspaceDb,
  { campaigns, followed }: WorkspaceContext,
  versions: CampaignVersions,
  { campaign_id, campaign_version }: Message,
): Promise<CampaignVersion | null> {
  const running = campaigns.get(campaign_id)?.version
  if (running?.version === campaign_version) return running
  const known = followed.get(followedKey(campaign_id, campaign_version))?.version
  return known ?? (await versions.load(db, campaign_id, campaign_version))
}

/** Since what the message is about happened. */
function relevantSince(message: Message): number {
  return message.relevant_since === 0 ? message.created_at : message.relevant_since
}

/** The messages whose customers have met the goal of the running version since: one look-up for all. */
async function loadConverted(
  db: WorkspaceDb,
  { campaigns }: WorkspaceContext,
  messages: Message[],
  colleaguesOf: (customerId: string) => string[],
): Promise<Set<Message>> {
  const running = messages.flatMap((message) => {
    const goal = campaigns.get(message.campaign_id)?.version.spec.goal
    if (goal === undefined) return []
    const others = goal.per === 'account' ? colleaguesOf(message.customer_id) : []
    return [message.customer_id, ...others].map((customerId) => ({ message, customerId, goalId: goal.id }))
  })
  const converted = await convertedSince(
    db,
    running.map(({ message, customerId, goalId }) => ({
      customerId,
      campaignId: message.campaign_id,
      goalId,
      since: relevantSince(message),
    })),
  )
  return new Set(running.flatMap(({ message }, i) => (converted[i] ? [message] : [])))
}

/**
 * A conversion counts from the customer's assignment on, which a late event may precede: of a goal without a
 * condition the profile says when its event last came.
 */
function hasDoneSince({ profile }: Customer, { spec: { goal } }: CampaignVersion, message: Message): boolean {
  if (goal.where !== undefined || !Object.hasOwn(profile.counts, goal.event)) return false
  return (profile.counts[goal.event]?.lastAt ?? 0) >= relevantSince(message)
}

/** How far senders that are being warmed up have come today, asked only where there are any. */
async function noteWarmUps(
  db: WorkspaceDb,
  { context, defaultFrom, messages, now }: WarmUpLook,
  facts: ReadonlyMap<string, SendFacts | { gone: string }>,
): Promise<void> {
  const warmUps = context.guardrails.deliverability?.warmUps ?? []
  if (warmUps.length === 0) return
  const concerned = messages.flatMap((message) => {
    const own = facts.get(message.message_id)
    if (own === undefined || 'gone' in own || message.channel !== 'email') return []
    const from = variantOf(message, own)?.template.from ?? defaultFrom
    const warmUp = warmUpOf(warmUps, { senderDomain: domainOf(from), address: message.address }, now)
    return warmUp === null ? [] : [{ own, warmUp }]
  })
  if (concerned.length === 0) return
  const sent = await lockWarmUpCounts(db, now)
  for (const { own, warmUp } of concerned)
    own.candidate.warmUp = { ...warmUp, sentToday: sent.get(warmUpKey(warmUp)) ?? 0 }
}

interface WarmUpLook {
  context: WorkspaceContext
  defaultFrom: string
  messages: readonly Message[]
  now: number
}

import type { CapCache } from '#contracts/cap-cache.ts'
import type { DeliveryPayload } from '#contracts/delivery.ts'
import type { CustomerEvent, EngagementPayload, LogRecord, OutcomePayload } from '#contracts/event.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import type { Journey, JourneyStep } from '#contracts/journey.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { NewMessage } from '#contracts/message.ts'
import type { Consents, Customer } from '#contracts/profile.ts'
import type { PushEndpoint } from '#contracts/push-address.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { together } from '#platform/store/together.ts'
import { campaignSpend } from '../action/campaign-spend.ts'
import { noteRedeemed } from '../action/coupons/redeem-codes.ts'
import { insertMessages } from '../action/message-rows.ts'
import { type Happened, messageEventsOf } from '../action/webhooks/message-event.ts'
import { noteEvents } from '../action/webhooks/note-events.ts'
import { type AssignmentRow, insertAssignments, loadAssignments } from '../campaign/assignment-rows.ts'
import { insertJourneySteps, loadJourneys, saveJourneys } from '../campaign/journey-rows.ts'
import { insertRanks, loadRanks, updateRanks } from '../decision/decision-rank-rows.ts'
import { insertDecisions, storedDecisionIds } from '../decision/decision-rows.ts'
import { insertExposures, loadExposures, updateExposureStates } from '../learning/exposure-rows.ts'
import { insertOutcomes } from '../learning/outcome-rows.ts'
import { insertRewards } from '../learning/reward-rows.ts'
import { insertMembers, loadAccounts, loadMembers, saveAccounts } from '../profile/account-rows.ts'
import { type Account, accountIdsOf, knowsAccount, othersOf } from '../profile/accounts.ts'
import { loadConsents } from '../profile/consent-rows.ts'
import { loadCustomers, saveCustomers } from '../profile/customer-rows.ts'
import {
  type EndpointRow,
  loadEndpoints,
  loadPushAddresses,
  saveSeenEndpoints,
} from '../profile/endpoint-rows.ts'
import { type EventApplication, insertEvents, markSeen, seenEventIds } from '../profile/event-rows.ts'
import { newProfile } from '../profile/profile.ts'
import { loadSuppressions } from '../profile/suppression-rows.ts'
import { applyDeliveries } from './callbacks/apply-deliveries.ts'
import { addressesOf } from './customer-facts.ts'
import { loadContactsEarly } from './early-refusal.ts'
import { type HeldClick, insertHeldClicks } from './held-clicks.ts'
import { type ItemFacts, loadItemFacts } from './items/item-facts.ts'
import { askedItems } from './items/item-needs.ts'
import { loadSlots } from './load-slots.ts'
import { insertRejected } from './rejected-event-rows.ts'
import { loadAbsences, setTimers, type TimerPayload, type TimerSetting } from './timer-rows.ts'
import { followedKey, loadFollowedVersion, type WorkspaceContext } from './workspace-context.ts'

/**
 * The rows of one workspace that a batch reads and changes, in memory: read in bulk once, written in bulk
 * once. Within the batch, later events see what earlier ones did.
 */
export interface WorkspaceBatch {
  db: WorkspaceDb
  context: WorkspaceContext
  seen: Set<string>
  customers: Map<string, Customer>
  changed: Set<string>
  assignments: Map<string, AssignmentRow>
  exposures: Map<string, RowOf<'exposures'>[]>
  contacts: Map<string, ContactSlot[]>
  consents: Map<string, Consents>
  suppressions: Map<string, string>
  /** The newest live endpoint of customers who may be decided about, where some campaign pushes. */
  pushAddresses: Map<string, string>
  /** Rows of the endpoints that the batch's events name, by their id. */
  endpoints: Map<string, EndpointRow>
  spend: Map<string, number>
  /** What the catalogue says of what may be decided about; null where no campaign asks it. */
  items: ItemFacts | null
  /** What placements were given, by decision: of those that outcomes name, and of this batch. */
  ranks: Map<string, RowOf<'decision_ranks'>>
  /** Of each customer the newest journey in each campaign. */
  journeys: Map<string, Journey[]>
  /** Who belongs to the accounts of customers who may be decided about, where caps ask for it. */
  accountMembers?: Map<string, string[]>
  /** Those that events and timers of the batch name. */
  accounts: Map<string, Account>
  /** Absences that run, by timer id. */
  absences: Map<string, TimerPayload>
  written: {
    events: (CustomerEvent & EventApplication)[]
    engagements: (LogRecord<EngagementPayload | OutcomePayload> & EventApplication)[]
    assignments: AssignmentRow[]
    decisions: WorkspaceRowOf<'decisions'>[]
    ranks: WorkspaceRowOf<'decision_ranks'>[]
    rankChanges: Set<RowOf<'decision_ranks'>>
    messages: NewMessage[]
    outcomes: WorkspaceRowOf<'outcomes'>[]
    exposures: WorkspaceRowOf<'exposures'>[]
    exposureStates: RowOf<'exposures'>[]
    rewards: WorkspaceRowOf<'rewards'>[]
    rejected: WorkspaceRowOf<'rejected_events'>[]
    timers: TimerSetting[]
    redemptions: { code: string; customerId: string; at: number }[]
    journeys: Set<Journey>
    journeySteps: JourneyStep[]
    deliveries: LogRecord<DeliveryPayload>[]
    held: { record: HeldClick; dueAt: number }[]
    endpoints: Omit<EndpointRow, 'workspace'>[]
    accounts: Set<Account>
    /** Of these the ones whose traits are no longer what they were. */
    changedAccounts: Set<Account>
    members: WorkspaceRowOf<'account_members'>[]
  }
}

/** What to read: ids of events, of all customers named, and of those who may decide or convert. */
export interface BatchNeeds {
  eventIds: string[]
  customerIds: string[]
  engagedCustomerIds: string[]
  /** The customers themselves, where the transaction has read them already. */
  customers?: Map<string, Customer>
  /** Decisions made at the API that may be stored already. */
  decisionIds?: string[]
  /** Ranks that outcomes are told of. */
  rankIds?: string[]
  /** Devices that events come from. */
  devices?: PushEndpoint[]
  /** Of the events of customers who may be decided about: items may be named there. */
  properties?: JsonObject[]
  /** Accounts that events or timers name. */
  accountIds?: string[]
  /** Conversions may have happened from here on. */
  earliestOccurredAt: number
}

export async function openWorkspaceBatch(
  db: WorkspaceDb,
  context: WorkspaceContext,
  needs: BatchNeeds,
  now: number,
  capCache?: CapCache,
): Promise<WorkspaceBatch> {
  const engaged = needs.engagedCustomerIds
  const decides = engaged.length > 0 && context.hasLiveCampaigns
  const pushes = decides && context.messageChannels.has('push')
  const [
    seen,
    decided,
    ranks,
    customers,
    assignments,
    exposures,
    consents,
    spend,
    pushAddresses,
    endpoints,
    accounts,
  ] = await together(
    seenEventIds(db, needs.eventIds),
    storedDecisionIds(db, needs.decisionIds ?? []),
    loadRanks(db, needs.rankIds ?? []),
    needs.customers === undefined ? loadCustomers(db, needs.customerIds) : Promise.resolve(needs.customers),
    loadAssignments(db, engaged),
    loadExposures(db, engaged, needs.earliestOccurredAt),
    loadConsents(db, decides ? engaged : []),
    campaignSpend(db, decides ? context.budgetedCampaigns : [], 'decision'),
    loadPushAddresses(db, pushes ? engaged : []),
    loadEndpoints(db, needs.devices ?? []),
    loadAccounts(db, needs.accountIds ?? []),
  )
  const addresses = decides
    ? engaged.flatMap((customerId) => {
        const profile = customers.get(customerId)?.profile ?? nobody
        const addressed = { customerId, profile, pushAddresses, country: context.settings.country }
        return Object.values(addressesOf(addressed, context.messageChannels))
      })
    : []
  const accountMembers =
    context.sharesAccounts && engaged.length > 0
      ? await loadMembers(db, accountIdsOf(customers.values(), needs.accountIds))
      : null
  const others = othersOf(accountMembers, engaged)
  const [contacts, suppressions, journeys, absences, contactsOfOthers, assignmentsOfOthers] = await together(
    loadContactsEarly(db, context, customers, decides ? engaged : [], now, capCache),
    loadSuppressions(db, addresses),
    loadJourneys(db, context.hasCadences ? engaged : []),
    loadAbsences(db, context.byAbsenceAfter.size > 0 ? engaged : []),
    decides && others.length > 0 ? loadSlots(db, context, others, now) : noSlots,
    loadAssignments(db, others),
  )
  for (const [id, slots] of contactsOfOthers) contacts.set(id, slots)
  await loadFollowed(db, context, journeys)
  const items = decides
    ? await loadItemsFor(db, context, needs, { customers, journeys, absences, now })
    : null
  return {
    db,
    context,
    seen: new Set([...seen, ...decided]),
    ranks,
    customers,
    changed: new Set(),
    assignments: new Map(
      [...assignments, ...assignmentsOfOthers].map((row) => [
        assignmentKey(row.campaignId, row.customerId),
        row,
      ]),
    ),
    exposures: Map.groupBy(exposures, (row) => row.customer_id),
    contacts,
    consents,
    suppressions,
    pushAddresses,
    endpoints,
    spend,
    items,
    journeys: Map.groupBy(journeys, (journey) => journey.customerId),
    absences,
    accounts,
    ...(accountMembers === null ? {} : { accountMembers }),
    written: {
      events: [],
      engagements: [],
      assignments: [],
      decisions: [],
      ranks: [],
      rankChanges: new Set(),
      messages: [],
      outcomes: [],
      exposures: [],
      exposureStates: [],
      rewards: [],
      rejected: [],
      timers: [],
      redemptions: [],
      journeys: new Set(),
      journeySteps: [],
      deliveries: [],
      held: [],
      endpoints: [],
      accounts: new Set(),
      changedAccounts: new Set(),
      members: [],
    },
  }
}

/** What the catalogue says of what these customers may be shown, whatever decides about them. */
async function loadItemsFor(
  db: WorkspaceDb,
  { itemNeeds }: WorkspaceContext,
  { engagedCustomerIds, properties = [] }: BatchNeeds,
  {
    customers,
    journeys,
    absences,
    now,
  }: {
    customers: ReadonlyMap<string, Customer>
    journeys: readonly Journey[]
    absences: ReadonlyMap<string, TimerPayload>
    now: number
  },
): Promise<ItemFacts | null> {
  if (itemNeeds === null) return null
  const profiles = engagedCustomerIds.flatMap((id) => customers.get(id)?.profile ?? [])
  const remembered = [
    ...journeys.filter(({ state }) => state === 'inside').map(({ seen }) => seen.event.properties),
    ...[...absences.values()].flatMap((payload) => ('event' in payload ? [payload.event.properties] : [])),
  ]
  return loadItemFacts(db, askedItems(itemNeeds, profiles, [...properties, ...remembered]), now)
}

/** The versions that these journeys follow, as far as the context lacks them: the campaign has just changed. */
async function loadFollowed(db: WorkspaceDb, context: WorkspaceContext, journeys: Journey[]): Promise<void> {
  for (const { state, campaignId, version } of journeys) {
    const key = followedKey(campaignId, version)
    if (state !== 'inside' || context.followed.has(key)) continue
    if (context.campaigns.get(campaignId)?.version.version === version) continue
    const older = await loadFollowedVersion(db, campaignId, version)
    if (older !== null) context.followed.set(key, older)
  }
}

/** Writes everything the batch did, each table in one statement, customers first (ADR 17). */
export async function writeWorkspaceBatch(batch: WorkspaceBatch, now: number): Promise<void> {
  const { db, written } = batch
  const changed = [...batch.changed].map((id) => batch.customers.get(id) as Customer)
  await together(
    saveCustomers(db, changed, now),
    // Before the money of messages: a claim holds accounts, and then takes that.
    saveAccounts(db, [...written.accounts], now),
    insertMembers(db, written.members),
    insertEvents(db, [...written.events, ...written.engagements]),
    insertAssignments(db, written.assignments),
    insertDecisions(db, written.decisions),
    insertRanks(db, written.ranks),
    updateRanks(db, [...written.rankChanges]),
    insertMessages(db, written.messages, now),
    insertOutcomes(db, written.outcomes),
    insertExposures(db, written.exposures),
    updateExposureStates(db, written.exposureStates),
    insertRejected(db, written.rejected),
    setTimers(db, written.timers),
    saveJourneys(db, [...written.journeys]),
    insertJourneySteps(db, written.journeySteps),
    markSeen(db, written.deliveries),
    insertHeldClicks(db, written.held),
    saveSeenEndpoints(db, written.endpoints),
  )
  await tellMembers(batch, now)
  // Customers first, then messages: as everybody locks them.
  await applyDeliveries(db, written.deliveries, now)
  await noteRedeemed(db, written.redemptions)
  await noteEvents(db, messageEventsOf(written.outcomes.map(happenedOf)))
  // Behind the money that messages move: who waits for one of these locks holds none of those after it.
  await insertRewards(db, written.rewards)
}

/** Customers carry copies of their accounts' traits: whoever else belongs to one that changed is looked at next. */
async function tellMembers({ db, customers, written }: WorkspaceBatch, now: number): Promise<void> {
  const accounts = [...written.changedAccounts]
  if (accounts.length === 0) return
  const members = await loadMembers(
    db,
    accounts.map((account) => account.accountId),
  )
  const timers = accounts.flatMap((account) =>
    (members.get(account.accountId) ?? []).flatMap((customerId) =>
      knowsAccount(customers.get(customerId)?.profile, account)
        ? []
        : [{ customerId, kind: 'account' as const, subject: account.accountId, dueAt: now }],
    ),
  )
  await setTimers(db, timers)
}

function happenedOf(row: WorkspaceRowOf<'outcomes'>): Happened {
  return { kind: row.kind, messageId: row.message_id, key: row.outcome_id, at: row.occurred_at }
}

export function assignmentKey(campaignId: string, customerId: string): string {
  return `${campaignId}\u0000${customerId}`
}

const noSlots = Promise.resolve(new Map<string, ContactSlot[]>())
const nobody = newProfile(0)

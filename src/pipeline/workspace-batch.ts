import type { ChannelName } from '#contracts/campaign.ts'
import type { CapCache } from '#contracts/cap-cache.ts'
import type { CustomerEvent, EngagementPayload, LogRecord } from '#contracts/event.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import type { NewMessage } from '#contracts/message.ts'
import type { ConsentState, Customer } from '#contracts/profile.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { campaignSpend } from '../action/campaign-spend.ts'
import { insertMessages } from '../action/message-rows.ts'
import { type AssignmentRow, insertAssignments, loadAssignments } from '../campaign/assignment-rows.ts'
import { insertDecisions } from '../decision/decision-rows.ts'
import { insertExposures, loadExposures, updateExposureStates } from '../learning/exposure-rows.ts'
import { insertOutcomes } from '../learning/outcome-rows.ts'
import { insertRewards } from '../learning/reward-rows.ts'
import { loadConsents } from '../profile/consent-rows.ts'
import { loadCustomers, saveCustomers } from '../profile/customer-rows.ts'
import { insertEvents, seenEventIds } from '../profile/event-rows.ts'
import { newProfile } from '../profile/profile.ts'
import { loadSuppressions } from '../profile/suppression-rows.ts'
import { addressesOf } from './customer-facts.ts'
import { loadContactsEarly } from './early-refusal.ts'
import { insertRejected } from './rejected-event-rows.ts'
import { setTimers, type TimerSetting } from './timer-rows.ts'
import type { WorkspaceContext } from './workspace-context.ts'

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
  consents: Map<string, Partial<Record<ChannelName, ConsentState>>>
  suppressions: Map<string, string>
  spend: Map<string, number>
  written: {
    events: CustomerEvent[]
    engagements: LogRecord<EngagementPayload>[]
    assignments: AssignmentRow[]
    decisions: WorkspaceRowOf<'decisions'>[]
    messages: NewMessage[]
    outcomes: WorkspaceRowOf<'outcomes'>[]
    exposures: WorkspaceRowOf<'exposures'>[]
    exposureStates: RowOf<'exposures'>[]
    rewards: WorkspaceRowOf<'rewards'>[]
    rejected: WorkspaceRowOf<'rejected_events'>[]
    timers: TimerSetting[]
  }
}

/** What to read: ids of events, of all customers named, and of those who may decide or convert. */
export interface BatchNeeds {
  eventIds: string[]
  customerIds: string[]
  engagedCustomerIds: string[]
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
  const seen = await seenEventIds(db, needs.eventIds)
  const customers = await loadCustomers(db, needs.customerIds)
  const engaged = needs.engagedCustomerIds
  const assignments = engaged.length === 0 ? [] : await loadAssignments(db, engaged)
  const exposures = engaged.length === 0 ? [] : await loadExposures(db, engaged, needs.earliestOccurredAt)
  const decides = engaged.length > 0 && context.hasLiveCampaigns
  const addresses = decides
    ? engaged.flatMap((id) => Object.values(addressesOf(customers.get(id)?.profile ?? nobody)))
    : []
  return {
    db,
    context,
    seen,
    customers,
    changed: new Set(),
    assignments: new Map(assignments.map((row) => [assignmentKey(row.campaignId, row.customerId), row])),
    exposures: Map.groupBy(exposures, (row) => row.customer_id),
    contacts: decides ? await loadContactsEarly(db, context, customers, engaged, now, capCache) : new Map(),
    consents: decides ? await loadConsents(db, engaged) : new Map(),
    suppressions: addresses.length > 0 ? await loadSuppressions(db, addresses) : new Map(),
    spend: decides ? await campaignSpend(db, context.budgetedCampaigns, 'decision') : new Map(),
    written: {
      events: [],
      engagements: [],
      assignments: [],
      decisions: [],
      messages: [],
      outcomes: [],
      exposures: [],
      exposureStates: [],
      rewards: [],
      rejected: [],
      timers: [],
    },
  }
}

/** Writes everything the batch did, each table in one statement. */
export async function writeWorkspaceBatch(batch: WorkspaceBatch, now: number): Promise<void> {
  const { db, written } = batch
  const changed = [...batch.changed].map((id) => batch.customers.get(id) as Customer)
  if (changed.length > 0) await saveCustomers(db, changed, now)
  const records = [...written.events, ...written.engagements]
  if (records.length > 0) await insertEvents(db, records)
  if (written.assignments.length > 0) await insertAssignments(db, written.assignments)
  if (written.decisions.length > 0) await insertDecisions(db, written.decisions)
  if (written.messages.length > 0) await insertMessages(db, written.messages, now)
  if (written.outcomes.length > 0) await insertOutcomes(db, written.outcomes)
  if (written.exposures.length > 0) await insertExposures(db, written.exposures)
  if (written.exposureStates.length > 0) await updateExposureStates(db, written.exposureStates)
  if (written.rewards.length > 0) await insertRewards(db, written.rewards)
  if (written.rejected.length > 0) await insertRejected(db, written.rejected)
  if (written.timers.length > 0) await setTimers(db, written.timers)
}

export function assignmentKey(campaignId: string, customerId: string): string {
  return `${campaignId}\u0000${customerId}`
}

const nobody = newProfile(0)

import type { JsonObject } from '#contracts/json.ts'
import type { Customer } from '#contracts/profile.ts'
import { type ProfileCache, profileStamp } from '#contracts/profile-cache.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { together } from '#platform/store/together.ts'
import { loadAssignments } from '../../campaign/assignment-rows.ts'
import { loadConsents } from '../../profile/consent-rows.ts'
import { loadCustomers } from '../../profile/customer-rows.ts'
import { loadSuppressions } from '../../profile/suppression-rows.ts'
import type { DecisionFacts } from '../decision-input.ts'
import { loadItemFacts } from '../items/item-facts.ts'
import { askedItems } from '../items/item-needs.ts'
import { loadSlots } from '../load-slots.ts'
import { assignmentKey } from '../workspace-batch.ts'
import type { WorkspaceContext } from '../workspace-context.ts'

export interface PlacementFacts extends DecisionFacts {
  /** Those that have a row; one that was merged away comes with its pointer. */
  customers: Map<string, Customer>
}

/**
 * What is known of these customers, outside of their partition's owner. Profiles are copies, taken only where
 * their stamp is the one that the row has now; whatever may say no (consents, suppressions, slots, assignments)
 * is read from the store each time: a "no" is committed before it is acknowledged, so no copy can hide it.
 */
export async function readPlacementFacts(
  db: WorkspaceDb,
  context: WorkspaceContext,
  customerIds: string[],
  { now, profileCache, properties }: { now: number; profileCache: ProfileCache; properties: JsonObject[] },
): Promise<PlacementFacts> {
  const [customers, assignments, consents, suppressions, contacts] = await together(
    readCustomers(db, customerIds, profileCache),
    loadAssignments(db, customerIds),
    loadConsents(db, customerIds),
    // In a placement the customer is the address.
    loadSuppressions(db, customerIds),
    loadSlots(db, context, customerIds, now),
  )
  const { itemNeeds } = context
  const profiles = [...customers.values()].map(({ profile }) => profile)
  const items =
    itemNeeds === null ? null : await loadItemFacts(db, askedItems(itemNeeds, profiles, properties), now)
  return {
    context,
    customers,
    items,
    assignments: new Map(assignments.map((row) => [assignmentKey(row.campaignId, row.customerId), row])),
    consents,
    suppressions,
    contacts,
    spend: new Map(),
    pushAddresses: new Map(),
  }
}

async function readCustomers(
  db: WorkspaceDb,
  customerIds: string[],
  profileCache: ProfileCache,
): Promise<Map<string, Customer>> {
  // Nearer than any copy: a row that is read whole costs what its stamp does, and a copy's text is parsed too.
  if (db.dialect === 'sqlite') return loadCustomers(db, customerIds)
  const rows = await db.recurring(stampsOfCustomers, { customerIds })
  if (rows.length === 0) return new Map()
  const stamps = new Map(rows.map((row) => [row.customer_id, profileStamp(row)]))
  const wanted = [...stamps].map(([customerId, stamp]) => ({ customerId, stamp }))
  const copies = await profileCache.get(db.workspace, wanted)
  if (copies.size === rows.length) return copies
  const missing = [...stamps.keys()].filter((id) => !copies.has(id))
  const loaded = await loadCustomers(db, missing)
  // A row that was written between the two reads is newer than its stamp: that copy would never be found.
  const fresh = [...loaded.values()].map((customer) => ({
    customer,
    stamp: stamps.get(customer.customerId) as string,
  }))
  await profileCache.set(
    db.workspace,
    fresh.filter(({ customer, stamp }) => stamp.startsWith(`${customer.version}.`)),
  )
  return new Map([...copies, ...loaded])
}

const stampsOfCustomers: RecurringQuery<
  { customerIds: readonly string[] },
  Pick<RowOf<'customers'>, 'customer_id' | 'version' | 'updated_at'>
> = {
  like: { customerIds: 'keys' },
  build: (db, { customerIds }) =>
    db
      .selectByKeys('customers', 'customer_id', customerIds)
      .select(['customers.customer_id', 'customers.version', 'customers.updated_at']),
}

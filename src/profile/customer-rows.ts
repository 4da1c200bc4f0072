import type { InstantMs } from '#contracts/clock.ts'
import type { Customer, Profile } from '#contracts/profile.ts'
import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { canonicalCustomerId } from './canonical-customer.ts'
import { mergeConsents } from './consent-rows.ts'
import { readIdentitiesOf, writeIdentities } from './identity-rows.ts'
import { mergeProfiles } from './merge-profiles.ts'
import { type DatedProfile, newProfile } from './profile.ts'
import type { MergedCustomer } from './profile-as-of.ts'

/** The customers that have a row, by id; one that was merged away comes with its pointer. */
export async function loadCustomers(db: WorkspaceDb, customerIds: string[]): Promise<Map<string, Customer>> {
  if (customerIds.length === 0) return new Map()
  const rows = await db.recurring(ofIds, { customerIds })
  return new Map(rows.map((row) => [row.customer_id, customerOf(row)]))
}

const ofIds: RecurringQuery<{ customerIds: readonly string[] }, RowOf<'customers'>> = {
  like: { customerIds: 'keys' },
  build: (db, { customerIds }) =>
    db.selectByKeys('customers', 'customer_id', customerIds).selectAll('customers'),
}

/** Ids of all customers who are not merged away, in order. */
export async function listCustomerIds(db: WorkspaceDb): Promise<string[]> {
  const rows = await db
    .selectFrom('customers')
    .select('customers.customer_id')
    .where('customers.merged_into', 'is', null)
    .orderBy('customers.customer_id')
    .execute()
  return rows.map((row) => row.customer_id)
}

/**
 * Writes the profiles and counts each customer's `version` up, here and in the row. A pointer to another
 * customer is not written: only a merge sets it. The transaction fails, and is run again, where somebody else
 * changed or merged one of them since it was read: that locks no more rows than are written.
 */
export async function saveCustomers(db: WorkspaceDb, customers: Customer[], now: InstantMs): Promise<void> {
  const rows = customers.map(({ customerId, version, profile }) => ({
    customer_id: customerId,
    version: version + 1,
    merged_into: null,
    profile_json: JSON.stringify(profile),
    updated_at: now,
  }))
  const written = await db.bulkInsert('customers', rows, {
    key: ['workspace', 'customer_id'],
    update: ['version', 'profile_json', 'updated_at'],
    onlyIf: 'version-before',
  })
  if (written < rows.length) throw new ChangedMeanwhileError('a customer')
  for (const customer of customers) customer.version += 1
}

/**
 * Moves what this room holds of `fromId` to `intoId` (or to whom that one was merged into) and leaves a
 * pointer, also where `fromId` has no row yet: an event of theirs may still be in the log. 'nothing' where
 * it was moved before. The profile of `fromId` is emptied, so that a person's data stands in one place.
 */
export async function mergeCustomerRows(
  db: WorkspaceDb,
  fromId: string,
  intoId: string,
  now: InstantMs,
): Promise<'merged' | 'nothing'> {
  const targetId = await canonicalCustomerId(db, intoId)
  if (fromId === targetId) return 'nothing'
  await db.lockCustomers([fromId, targetId])
  if ((await canonicalCustomerId(db, targetId)) !== targetId) throw new ChangedMeanwhileError('a customer')
  const customers = await loadCustomers(db, [fromId, targetId])
  const from = customers.get(fromId)
  if (from !== undefined && from.mergedInto !== null) return 'nothing'
  const into = customers.get(targetId)
  const order = 1 + Math.max(appliedOf(from), appliedOf(into))
  if (from !== undefined) {
    const both = into === undefined ? from.profile : mergeProfiles(into.profile, from.profile)
    const profile: DatedProfile = { ...both, applied: order }
    const merged = into ?? {
      workspace: db.workspace,
      customerId: targetId,
      version: 0,
      mergedInto: null,
      profile,
    }
    await saveCustomers(db, [{ ...merged, profile }], now)
    await mergeConsents(db, fromId, targetId)
    await db
      .updateTable('events')
      .set((eb) => ({
        customer_id: targetId,
        applied_to: eb.fn.coalesce('events.applied_to', eb.val(fromId)),
      }))
      .where('events.customer_id', '=', fromId)
      .execute()
  }
  const ids = await readIdentitiesOf(db, fromId)
  await writeIdentities(
    db,
    ids.map((row) => ({ ...row, customer_id: targetId })),
  )
  await leavePointer(db, fromId, targetId, { version: (from?.version ?? 0) + 1, order }, now)
  return 'merged'
}

/**
 * Who was merged into the customer, over any number of steps, as far as one of `fromIds` is or led there:
 * whoever brought no event brought nothing.
 */
export async function loadMergedInto(
  db: WorkspaceDb,
  customerId: string,
  fromIds: ReadonlySet<string>,
): Promise<MergedCustomer[]> {
  const merged = new Map<string, MergedCustomer>()
  const asked = new Set([customerId])
  let open = [...fromIds].filter((id) => !asked.has(id))
  while (open.length > 0) {
    for (const id of open) asked.add(id)
    for (const { customerId: from, mergedInto, profile } of (await loadCustomers(db, open)).values()) {
      if (mergedInto === null) continue
      const { mergedAs } = profile as DatedProfile
      merged.set(from, {
        customerId: from,
        into: mergedInto,
        ...(mergedAs === undefined ? {} : { mergedAs }),
      })
    }
    open = [...new Set([...merged.values()].map(({ into }) => into))].filter((into) => !asked.has(into))
  }
  return [...merged.values()]
}

async function leavePointer(
  db: WorkspaceDb,
  fromId: string,
  intoId: string,
  { version, order }: { version: number; order: number },
  now: InstantMs,
): Promise<void> {
  const profile: DatedProfile = { ...newProfile(now), mergedAs: { order, at: now } }
  const row = {
    customer_id: fromId,
    version,
    merged_into: intoId,
    profile_json: JSON.stringify(profile),
    updated_at: now,
  }
  const written = await db.bulkInsert('customers', [row], {
    key: ['workspace', 'customer_id'],
    update: ['version', 'merged_into', 'profile_json', 'updated_at'],
    onlyIf: 'version-before',
  })
  if (written === 0) throw new ChangedMeanwhileError('a customer')
}

function appliedOf(customer: Customer | undefined): number {
  return (customer?.profile as DatedProfile | undefined)?.applied ?? 0
}

export function customerOf(row: RowOf<'customers'>): Customer {
  return {
    workspace: row.workspace,
    customerId: row.customer_id,
    version: row.version,
    mergedInto: row.merged_into,
    profile: JSON.parse(row.profile_json) as Profile,
  }
}

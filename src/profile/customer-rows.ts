import type { InstantMs } from '#contracts/clock.ts'
import type { Customer, Profile } from '#contracts/profile.ts'
import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { canonicalCustomerId } from './canonical-customer.ts'
import { mergeConsents } from './consent-rows.ts'
import { readIdentitiesOf, writeIdentities } from './identity-rows.ts'
import { mergeProfiles } from './merge-profiles.ts'
import { newProfile } from './profile.ts'

/** The customers that have a row, by id; one that was merged away comes with its pointer. */
export async function loadCustomers(db: WorkspaceDb, customerIds: string[]): Promise<Map<string, Customer>> {
  if (customerIds.length === 0) return new Map()
  const rows = await db.selectByKeys('customers', 'customer_id', customerIds).selectAll('customers').execute()
  return new Map(rows.map((row) => [row.customer_id, customerOf(row)]))
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
  if (from !== undefined) {
    const profile = into === undefined ? from.profile : mergeProfiles(into.profile, from.profile)
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
      .set({ customer_id: targetId })
      .where('events.customer_id', '=', fromId)
      .execute()
  }
  const ids = await readIdentitiesOf(db, fromId)
  await writeIdentities(
    db,
    ids.map((row) => ({ ...row, customer_id: targetId })),
  )
  await leavePointer(db, fromId, targetId, (from?.version ?? 0) + 1, now)
  return 'merged'
}

async function leavePointer(
  db: WorkspaceDb,
  fromId: string,
  intoId: string,
  version: number,
  now: InstantMs,
): Promise<void> {
  const row = {
    customer_id: fromId,
    version,
    merged_into: intoId,
    profile_json: JSON.stringify(newProfile(now)),
    updated_at: now,
  }
  const written = await db.bulkInsert('customers', [row], {
    key: ['workspace', 'customer_id'],
    update: ['version', 'merged_into', 'profile_json', 'updated_at'],
    onlyIf: 'version-before',
  })
  if (written === 0) throw new ChangedMeanwhileError('a customer')
}

function customerOf(row: RowOf<'customers'>): Customer {
  return {
    workspace: row.workspace,
    customerId: row.customer_id,
    version: row.version,
    mergedInto: row.merged_into,
    profile: JSON.parse(row.profile_json) as Profile,
  }
}

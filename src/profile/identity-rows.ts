import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

export type Identity = Pick<RowOf<'identities'>, 'kind' | 'external_id' | 'customer_id' | 'linked_at'>

/** The rows of these ids, of either kind. */
export function readIdentities(db: WorkspaceDb, externalIds: string[]): Promise<Identity[]> {
  return db.recurring(ofExternalIds, { externalIds })
}

const ofExternalIds: RecurringQuery<{ externalIds: readonly string[] }, Identity> = {
  like: { externalIds: 'keys' },
  build: (db, { externalIds }) =>
    db
      .selectByKeys('identities', 'external_id', externalIds)
      // The key's second column: with both kinds named, each id is two look-ups in the key.
      .where('identities.kind', 'in', ['user', 'anonymous'])
      .select(columns),
}

/** The rows of all ids of a customer. */
export function readIdentitiesOf(db: WorkspaceDb, customerId: string): Promise<Identity[]> {
  return db
    .selectFrom('identities')
    .select(columns)
    .where('identities.customer_id', '=', customerId)
    .execute()
}

/**
 * Writes rows over those with the same id. (Also the way to change a customer's ids: an update by
 * `customer_id`, the column it sets, makes SQLite read the whole workspace.)
 */
export async function writeIdentities(db: WorkspaceDb, rows: Identity[]): Promise<void> {
  await db.bulkInsert('identities', rows, {
    key: ['workspace', 'kind', 'external_id'],
    update: ['customer_id', 'linked_at'],
  })
}

const columns = [
  'identities.kind',
  'identities.external_id',
  'identities.customer_id',
  'identities.linked_at',
] as const

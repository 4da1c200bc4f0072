import { customerIdOf } from '#platform/ids/ids.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { canonicalCustomerId } from '../profile/canonical-customer.ts'
import { readIdentities } from '../profile/identity-rows.ts'

/**
 * The customer whom an operator means: by our id when there is such a customer, else by the product's
 * user id. Somebody nobody has heard of has an id too: a "no" may come before the first event.
 */
export async function findCustomer(db: WorkspaceDb, id: string): Promise<string> {
  const own = await db
    .selectFrom('customers')
    .select('customers.customer_id')
    .where('customers.customer_id', '=', id)
    .executeTakeFirst()
  if (own !== undefined) return canonicalCustomerId(db, id)
  const linked = (await readIdentities(db, [id])).find((row) => row.kind === 'user')
  return canonicalCustomerId(db, linked?.customer_id ?? customerIdOf(db.workspace, 'user', id))
}

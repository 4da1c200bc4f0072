import { customerIdOf } from '#platform/ids/ids.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { canonicalCustomerId } from '../profile/canonical-customer.ts'
import type { TokenHolder } from '../profile/customer-tokens.ts'
import { readIdentities } from '../profile/identity-rows.ts'

/** The customer whom a token's holder is now: after a merge another than when it was made. */
export async function customerOfToken(db: WorkspaceDb, { kind, externalId }: TokenHolder): Promise<string> {
  const linked = (await readIdentities(db, [externalId])).find((row) => row.kind === kind)
  return canonicalCustomerId(db, linked?.customer_id ?? customerIdOf(db.workspace, kind, externalId))
}

import type { InstantMs } from '#contracts/clock.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { type Identity, readIdentities } from './identity-rows.ts'

/**
 * Joins an id that may be a visitor's or a user's to a user: both readings of it, so that what came in under
 * either is the user's. An id that is joined to somebody else stays there, and one that others are joined to
 * is somebody: only an alias joins two users.
 */
export async function linkEither(
  db: WorkspaceDb,
  { userId, anonymousId }: { userId: string; anonymousId: string },
  now: InstantMs,
): Promise<{ rows: Identity[]; customerId: string; mergeFrom: string[] }> {
  const { workspace } = db
  const before = await readIdentities(db, [userId, anonymousId])
  const customerId = customerOf(before, userId) ?? customerIdOf(workspace, 'user', userId)
  const rowOf = (kind: Identity['kind'], external_id: string): Identity => ({
    kind,
    external_id,
    customer_id: customerId,
    linked_at: now,
  })
  const isFree = before.every((row) => row.external_id !== anonymousId || row.customer_id === customerId)
  if (!isFree) return { rows: before, customerId, mergeFrom: [] }
  await db.bulkInsert(
    'identities',
    [rowOf('user', userId), rowOf('user', anonymousId), rowOf('anonymous', anonymousId)],
    'ignore',
  )
  // Read again: in PostgreSQL another transaction may have been first with the same id.
  const rows = await readIdentities(db, [userId, anonymousId])
  const joined = customerOf(rows, userId) ?? customerId
  const mergeFrom = rows
    .filter((row) => row.external_id === anonymousId && row.customer_id === joined)
    .map((row) => customerIdOf(workspace, row.kind, anonymousId))
    .filter((own) => own !== joined)
  return { rows, customerId: joined, mergeFrom }
}

function customerOf(rows: Identity[], userId: string): string | undefined {
  return rows.find((row) => row.kind === 'user' && row.external_id === userId)?.customer_id
}

import type { InstantMs } from '#contracts/clock.ts'
import {
  type PushEndpoint,
  parsePushAddress,
  pushAddressOf,
  pushIdentityOf,
} from '#contracts/push-address.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

export type EndpointRow = RowOf<'endpoints'>

/** Somebody with more than these has old ones: the oldest make room. */
const endpointsMax = 20

/** The newest live endpoint of each customer, as messages have it; who has none is absent. */
export async function loadPushAddresses(
  db: WorkspaceDb,
  customerIds: readonly string[],
): Promise<Map<string, string>> {
  if (customerIds.length === 0) return new Map()
  const rows = await db.recurring(liveOfCustomers, { customerIds })
  // Later ones overwrite: in ascending order the newest is left.
  return new Map(rows.map((row) => [row.customer_id, row.address]))
}

const liveOfCustomers: RecurringQuery<
  { customerIds: readonly string[] },
  Pick<EndpointRow, 'customer_id' | 'address'>
> = {
  like: { customerIds: 'keys' },
  build: (db, { customerIds }) =>
    db
      .selectByKeys('endpoints', 'customer_id', customerIds)
      .select(['endpoints.customer_id', 'endpoints.address'])
      .where('endpoints.gone_at', 'is', null)
      .orderBy('endpoints.customer_id')
      .orderBy('endpoints.seen_at')
      .orderBy('endpoints.endpoint_id'),
}

/** Newest first, without those that are gone. */
export async function listEndpoints(db: WorkspaceDb, customerId: string): Promise<EndpointRow[]> {
  return await db
    .selectFrom('endpoints')
    .selectAll('endpoints')
    .where('endpoints.customer_id', '=', customerId)
    .where('endpoints.gone_at', 'is', null)
    .orderBy('endpoints.seen_at', 'desc')
    .orderBy('endpoints.endpoint_id', 'desc')
    .execute()
}

/**
 * The app says that the customer is reached there: from now on it is theirs and nobody else's, also where it
 * was another's before (who signed out on that device) or had been gone.
 */
export async function registerEndpoint(
  db: WorkspaceDb,
  customerId: string,
  endpoint: PushEndpoint,
  now: InstantMs,
): Promise<EndpointRow> {
  const row = rowOf(customerId, endpoint, 'api', now)
  await db.bulkInsert('endpoints', [row], {
    key: ['workspace', 'endpoint_id'],
    update: ['customer_id', 'address', 'source', 'seen_at', 'gone_at', 'gone_reason'],
  })
  const own = await listEndpoints(db, customerId)
  for (const { endpoint_id } of own.slice(endpointsMax)) await removeEndpoint(db, customerId, endpoint_id)
  return own.find(({ endpoint_id }) => endpoint_id === row.endpoint_id)!
}

/** Resolves to whether the customer had it. */
export async function removeEndpoint(
  db: WorkspaceDb,
  customerId: string,
  endpointId: string,
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('endpoints')
    .where('endpoints.endpoint_id', '=', endpointId)
    .where('endpoints.customer_id', '=', customerId)
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

/**
 * The push service said that this address is no more. One that the app has named again since the send began
 * stays: the answer was about the time before. An address without a row is noted too, so that an event that
 * still carries its token does not bring it back. Resolves to whether the customer has another one.
 */
export async function markEndpointGone(
  db: WorkspaceDb,
  gone: { customerId: string; address: string; reason: string; sentAt: InstantMs; now: InstantMs },
): Promise<boolean> {
  const endpoint = parsePushAddress(gone.address)
  if (endpoint === null) return false
  const row = rowOf(gone.customerId, endpoint, 'event', gone.sentAt)
  await db.bulkInsert('endpoints', [row], 'ignore')
  await db
    .updateTable('endpoints')
    .set({ gone_at: gone.now, gone_reason: gone.reason })
    .where('endpoints.endpoint_id', '=', row.endpoint_id)
    .where('endpoints.seen_at', '<=', gone.sentAt)
    .where('endpoints.gone_at', 'is', null)
    .execute()
  return (await loadPushAddresses(db, [gone.customerId])).size > 0
}

/**
 * Where these messages go now: where they were decided to, unless that device is gone or is somebody else's; then to
 * the customer's newest. Who has none left is absent.
 */
export async function currentPushAddresses(
  db: WorkspaceDb,
  messages: readonly { messageId: string; customerId: string; address: string }[],
): Promise<Map<string, string>> {
  if (messages.length === 0) return new Map()
  const parsed = messages.map(({ address }) => parsePushAddress(address))
  const rows = await loadEndpoints(
    db,
    parsed.filter((endpoint) => endpoint !== null),
  )
  const newest = await loadPushAddresses(
    db,
    messages.map(({ customerId }) => customerId),
  )
  const current = new Map<string, string>()
  for (const [index, { messageId, customerId, address }] of messages.entries()) {
    const endpoint = parsed[index] ?? null
    const row = endpoint === null ? undefined : rows.get(endpointIdOf(endpoint))
    // A browser may have made new keys for the same address: what is written is what it has now.
    const isStill = row !== undefined && row.gone_at === null && row.customer_id === customerId
    const now = isStill
      ? row.address
      : row === undefined && endpoint !== null
        ? address
        : newest.get(customerId)
    if (now !== undefined) current.set(messageId, now)
  }
  return current
}

/** What the events of a batch say of endpoints: whose token it is, and when. */
export interface SeenToken {
  customerId: string
  endpoint: PushEndpoint
  at: InstantMs
}

/** Rows of these endpoints, by their id. */
export async function loadEndpoints(
  db: WorkspaceDb,
  endpoints: PushEndpoint[],
): Promise<Map<string, EndpointRow>> {
  if (endpoints.length === 0) return new Map()
  const ids = [...new Set(endpoints.map(endpointIdOf))]
  const rows = await db.selectByKeys('endpoints', 'endpoint_id', ids).selectAll('endpoints').execute()
  return new Map(rows.map((row) => [row.endpoint_id, row]))
}

/** A live one that was seen this long ago is noted anew: not with every event. */
const seenAgainMs = 86_400_000

/** The row that an event's token makes or changes; null where nothing changes. A dead one stays dead. */
export function seenEndpoint(
  known: EndpointRow | undefined,
  { customerId, endpoint, at }: SeenToken,
): Omit<EndpointRow, 'workspace'> | null {
  if (known === undefined) return rowOf(customerId, endpoint, 'event', at)
  if (known.gone_at !== null || at < known.seen_at) return null
  if (known.customer_id === customerId && at - known.seen_at < seenAgainMs) return null
  const { workspace: _, ...row } = known
  return { ...row, customer_id: customerId, seen_at: at }
}

export async function saveSeenEndpoints(
  db: WorkspaceDb,
  rows: Omit<EndpointRow, 'workspace'>[],
): Promise<void> {
  if (rows.length === 0) return
  const last = new Map(rows.map((row) => [row.endpoint_id, row]))
  // In one order for all, so that two transactions never hold what the other wants.
  const sorted = [...last.values()].sort((a, b) => (a.endpoint_id < b.endpoint_id ? -1 : 1))
  await db.bulkInsert('endpoints', sorted, {
    key: ['workspace', 'endpoint_id'],
    update: ['customer_id', 'seen_at'],
  })
}

/** A merge: the devices of one customer are the other's. */
export async function moveEndpoints(db: WorkspaceDb, fromId: string, intoId: string): Promise<void> {
  const own = await db
    .selectFrom('endpoints')
    .select('endpoints.endpoint_id')
    .where('endpoints.customer_id', '=', fromId)
    .execute()
  // By the key: an update by the column that it sets makes SQLite read the whole workspace.
  for (const { endpoint_id } of own) {
    await db
      .updateTable('endpoints')
      .set({ customer_id: intoId })
      .where('endpoints.endpoint_id', '=', endpoint_id)
      .execute()
  }
}

export function endpointIdOf(endpoint: PushEndpoint): string {
  return stableId(pushIdentityOf(endpoint))
}

function rowOf(
  customerId: string,
  endpoint: PushEndpoint,
  source: 'api' | 'event',
  at: InstantMs,
): Omit<EndpointRow, 'workspace'> {
  return {
    endpoint_id: endpointIdOf(endpoint),
    customer_id: customerId,
    kind: endpoint.kind,
    address: pushAddressOf(endpoint),
    source,
    created_at: at,
    seen_at: at,
    gone_at: null,
    gone_reason: '',
  }
}

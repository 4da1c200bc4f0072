import type { InstantMs } from '#contracts/clock.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { createIdentityCache, type IdentityKind } from './identity-cache.ts'
import { type Identity, readIdentities, readIdentitiesOf, writeIdentities } from './identity-rows.ts'
import { linkEither } from './link-either.ts'

/** Ids as a client gave them; at least one is there. The user's wins. */
interface ExternalIds {
  userId?: string
  anonymousId?: string
}

interface Linked {
  customerId: string
  /** Customers whose rows belong to `customerId` by this link, however old it is: moving them twice is a no-op. */
  mergeFrom: string[]
}

/**
 * Who an id stands for. An id that is linked to nothing has a customer by its hash and no row. Only `link`
 * and `alias` join ids; both are committed when they resolve, and repeating one answers the same.
 *
 * What was looked up is remembered, and what this process links is known to it at once. So is absence: of a
 * user's id always, of an anonymous one where no other process shares the store. A user's id that another
 * process joins by `alias` is not seen here while it is remembered: its events then go to the customer merged
 * away, whose owner finds the pointer and hands them on.
 */
export interface Identities {
  resolve(workspace: string, ids: ExternalIds): Promise<string>
  /** The customer of each, in the same order; at most one query, none where all are remembered. */
  resolveMany(workspace: string, ids: ExternalIds[]): Promise<string[]>
  /** Joins an anonymous id to a user. It keeps the first user it was joined to. */
  link(workspace: string, ids: { userId: string; anonymousId: string }, now: InstantMs): Promise<Linked>
  /** The same for an id that may be a visitor's or a user's: PostHog has one kind. */
  linkEither(workspace: string, ids: { userId: string; anonymousId: string }, now: InstantMs): Promise<Linked>
  /**
   * Joins what `previousId` stood for to `userId`. It is taken for the kind of id that is linked already; one
   * that is not linked may be either, and both are joined. What is joined already stays as it is.
   */
  alias(workspace: string, ids: { userId: string; previousId: string }, now: InstantMs): Promise<Linked>
}

/** About 25 MB. */
const DEFAULT_ENTRIES_MAX = 100_000

export function createIdentities(
  store: Store,
  { entriesMax = DEFAULT_ENTRIES_MAX }: { entriesMax?: number } = {},
): Identities {
  const cache = createIdentityCache(entriesMax)
  /**
   * Where doors share the store, another one may link a visitor between two of his events: taken for unlinked
   * still, the second would be handed on by the merged customer's owner, behind events that came after it.
   */
  const remembersAbsence = (kind: IdentityKind): boolean => kind === 'user' || store.dialect === 'sqlite'

  const remember = (workspace: string, rows: readonly Identity[]): void => {
    for (const { kind, external_id, customer_id } of rows) {
      cache.set(workspace, kind, external_id, { customerId: customer_id, linked: true })
    }
  }

  const resolveMany = async (workspace: string, ids: ExternalIds[]): Promise<string[]> => {
    const customers = new Array<string>(ids.length)
    const missing: number[] = []
    for (let i = 0; i < ids.length; i++) {
      const { kind, externalId } = keyOf(ids[i]!)
      const known = cache.get(workspace, kind, externalId)
      if (known === undefined) missing.push(i)
      else customers[i] = known.customerId
    }
    if (missing.length === 0) return customers
    const keys = missing.map((i) => keyOf(ids[i]!))
    const rows = await readIdentities(
      store.read.workspace(workspace),
      keys.map((key) => key.externalId),
    )
    const found = new Map(rows.map((row) => [rowKey(row.kind, row.external_id), row.customer_id]))
    for (const [k, { kind, externalId }] of keys.entries()) {
      const row = found.get(rowKey(kind, externalId))
      const customerId = row ?? customerIdOf(workspace, kind, externalId)
      if (row !== undefined || remembersAbsence(kind)) {
        cache.add(workspace, kind, externalId, { customerId, linked: row !== undefined })
      }
      customers[missing[k]!] = cache.get(workspace, kind, externalId)?.customerId ?? customerId
    }
    return customers
  }

  const resolve = async (workspace: string, ids: ExternalIds): Promise<string> => {
    const { kind, externalId } = keyOf(ids)
    const known = cache.get(workspace, kind, externalId)
    return known?.customerId ?? (await resolveMany(workspace, [ids]))[0]!
  }

  return {
    resolve,
    resolveMany,
    async link(workspace, { userId, anonymousId }, now) {
      const own = customerIdOf(workspace, 'anonymous', anonymousId)
      const user = cache.get(workspace, 'user', userId)
      const anonymous = cache.get(workspace, 'anonymous', anonymousId)
      if (user?.linked && anonymous?.linked && user.customerId === anonymous.customerId) {
        return { customerId: user.customerId, mergeFrom: [own] }
      }
      const ids = { userId, anonymousId }
      let pair = await readPair(store.read.workspace(workspace), ids)
      if (pair.anonymous === undefined || (pair.user === undefined && isNaturalOf(workspace, userId, pair))) {
        pair = await store.transaction((tx) => linkPair(tx.workspace(workspace), ids, now))
      }
      remember(workspace, Object.values(pair))
      const customerId = pair.user?.customer_id ?? customerIdOf(workspace, 'user', userId)
      return { customerId, mergeFrom: pair.anonymous?.customer_id === customerId ? [own] : [] }
    },
    async linkEither(workspace, ids, now) {
      const { userId, anonymousId } = ids
      if (userId === anonymousId) return { customerId: await resolve(workspace, ids), mergeFrom: [] }
      const user = cache.get(workspace, 'user', userId)
      const readings = (['user', 'anonymous'] as const).map((kind) => cache.get(workspace, kind, anonymousId))
      if (user?.linked && readings.every((own) => own?.linked && own.customerId === user.customerId)) {
        const owns = (['user', 'anonymous'] as const).map((kind) =>
          customerIdOf(workspace, kind, anonymousId),
        )
        const { customerId } = user
        return { customerId, mergeFrom: owns.filter((own) => own !== customerId) }
      }
      const { rows, ...linked } = await store.transaction((tx) =>
        linkEither(tx.workspace(workspace), ids, now),
      )
      remember(workspace, rows)
      return linked
    },
    async alias(workspace, ids, now) {
      if (ids.userId === ids.previousId) return { customerId: await resolve(workspace, ids), mergeFrom: [] }
      const { rows, linked } = await store.transaction((tx) => aliasRows(tx.workspace(workspace), ids, now))
      remember(workspace, rows)
      return linked
    },
  }
}

interface Pair {
  user?: Identity
  anonymous?: Identity
}

/** Joins the two ids unless the anonymous one belongs to another user; the rows as they are then. */
async function linkPair(
  db: WorkspaceDb,
  ids: { userId: string; anonymousId: string },
  now: InstantMs,
): Promise<Pair> {
  const { user, anonymous } = await readPair(db, ids)
  const customerId = user?.customer_id ?? customerIdOf(db.workspace, 'user', ids.userId)
  if (anonymous !== undefined && anonymous.customer_id !== customerId)
    return { ...(user && { user }), anonymous }
  // The user gets a row too: if the customer is merged away one day, rows are what is found and moved.
  const rows = [
    { kind: 'user' as const, external_id: ids.userId, customer_id: customerId, linked_at: now },
    { kind: 'anonymous' as const, external_id: ids.anonymousId, customer_id: customerId, linked_at: now },
  ]
  await db.bulkInsert('identities', rows, 'ignore')
  // Read again: in PostgreSQL another transaction may have been first with the same id.
  return readPair(db, ids)
}

/** Whether the anonymous id is joined to the customer that the user's id has by its hash. */
function isNaturalOf(workspace: string, userId: string, { anonymous }: Pair): boolean {
  return anonymous?.customer_id === customerIdOf(workspace, 'user', userId)
}

async function aliasRows(
  db: WorkspaceDb,
  { userId, previousId }: { userId: string; previousId: string },
  now: InstantMs,
): Promise<{ rows: Identity[]; linked: Linked }> {
  const { workspace } = db
  const found = await readIdentities(db, [userId, previousId])
  const rowOf = (kind: IdentityKind, id: string) =>
    found.find((row) => row.kind === kind && row.external_id === id)
  const customerId = rowOf('user', userId)?.customer_id ?? customerIdOf(workspace, 'user', userId)
  const kinds = (['user', 'anonymous'] as const).filter((kind) => rowOf(kind, previousId) !== undefined)
  const readAs = kinds.length > 0 ? kinds : (['user', 'anonymous'] as const)

  const mergeFrom = new Set<string>()
  const rows: Identity[] = []
  for (const kind of readAs) {
    const own = customerIdOf(workspace, kind, previousId)
    const row = rowOf(kind, previousId)
    if (row === undefined) {
      rows.push({ kind, external_id: previousId, customer_id: customerId, linked_at: now })
    } else if (row.customer_id !== customerId) {
      mergeFrom.add(row.customer_id)
      rows.push(...(await moved(db, row.customer_id, customerId, now)))
    } else if (own !== customerId) {
      for (const id of await absorbedWith(db, row)) mergeFrom.add(id)
    }
    mergeFrom.add(own)
  }
  mergeFrom.delete(customerId)
  if (rows.length > 0 && rowOf('user', userId) === undefined) {
    rows.push({ kind: 'user', external_id: userId, customer_id: customerId, linked_at: now })
  }
  await writeIdentities(db, rows)
  return { rows, linked: { customerId, mergeFrom: [...mergeFrom] } }
}

/** The ids of a customer who is absorbed, as they will be. */
async function moved(db: WorkspaceDb, fromId: string, intoId: string, now: InstantMs): Promise<Identity[]> {
  const rows = await readIdentitiesOf(db, fromId)
  return rows.map((row) => ({ ...row, customer_id: intoId, linked_at: now }))
}

/**
 * The customers that an alias made earlier absorbed together with this row: one has the id of a user whose
 * row was moved at the same instant. (Others of that instant may be among them: moved twice, no harm.)
 */
async function absorbedWith(db: WorkspaceDb, row: Identity): Promise<string[]> {
  const rows = await readIdentitiesOf(db, row.customer_id)
  return rows
    .filter(({ kind, linked_at }) => kind === 'user' && linked_at === row.linked_at)
    .map(({ external_id }) => customerIdOf(db.workspace, 'user', external_id))
}

async function readPair(
  db: WorkspaceDb,
  { userId, anonymousId }: { userId: string; anonymousId: string },
): Promise<Pair> {
  const rows = await readIdentities(db, [userId, anonymousId])
  const user = rows.find((row) => row.kind === 'user' && row.external_id === userId)
  const anonymous = rows.find((row) => row.kind === 'anonymous' && row.external_id === anonymousId)
  return { ...(user && { user }), ...(anonymous && { anonymous }) }
}

function keyOf({ userId, anonymousId }: ExternalIds): { kind: IdentityKind; externalId: string } {
  if (userId !== undefined) return { kind: 'user', externalId: userId }
  if (anonymousId !== undefined) return { kind: 'anonymous', externalId: anonymousId }
  throw new Error('an event names a user or an anonymous id')
}

function rowKey(kind: IdentityKind, externalId: string): string {
  return `${kind}\u0000${externalId}`
}

import type { RowOf } from '#platform/store/store.ts'

export type IdentityKind = RowOf<'identities'>['kind']

/** What is known of an id: its customer, and whether a row says so or its absence. */
interface KnownIdentity {
  customerId: string
  linked: boolean
}

/** At most `entriesMax` ids, the least recently used go first (in two generations: no list to keep in order). */
export interface IdentityCache {
  get(workspace: string, kind: IdentityKind, externalId: string): KnownIdentity | undefined
  /** What this process has committed. */
  set(workspace: string, kind: IdentityKind, externalId: string, known: KnownIdentity): void
  /** What a query found; a link committed while it ran is newer and stays. */
  add(workspace: string, kind: IdentityKind, externalId: string, known: KnownIdentity): void
}

export function createIdentityCache(entriesMax: number): IdentityCache {
  const generationMax = Math.max(1, Math.floor(entriesMax / 2))
  let young = new Map<string, KnownIdentity>()
  let old = new Map<string, KnownIdentity>()
  const put = (key: string, known: KnownIdentity): void => {
    if (young.size >= generationMax && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, known)
  }
  const get = (key: string): KnownIdentity | undefined => {
    const known = young.get(key)
    if (known !== undefined) return known
    const aged = old.get(key)
    if (aged !== undefined) put(key, aged)
    return aged
  }
  return {
    get: (workspace, kind, externalId) => get(keyOf(workspace, kind, externalId)),
    set: (workspace, kind, externalId, known) => put(keyOf(workspace, kind, externalId), known),
    add(workspace, kind, externalId, known) {
      const key = keyOf(workspace, kind, externalId)
      if (get(key) === undefined) put(key, known)
    },
  }
}

function keyOf(workspace: string, kind: IdentityKind, externalId: string): string {
  return `${workspace}\u0000${kind}\u0000${externalId}`
}

import type { InstantMs } from '#contracts/clock.ts'

/** Ids as a client gave them; at least one is there. */
interface ExternalIds {
  userId?: string
  anonymousId?: string
}

export interface Linked {
  customerId: string
  /** Customers whose rows now belong to `customerId`. */
  mergeFrom: string[]
}

/** Who an event is about. A link is committed before it resolves, and repeating one is harmless. */
export interface IdentityPort {
  /** The canonical customer of each, in the same order. */
  resolveMany(workspace: string, ids: ExternalIds[]): Promise<string[]>
  /** `identify` with both ids: the anonymous one joins the user. */
  link(workspace: string, ids: { userId: string; anonymousId: string }, now: InstantMs): Promise<Linked>
  /** PostHog's `$identify`: the same, where the anonymous id may as well be one that events gave as a user's. */
  linkEither(workspace: string, ids: { userId: string; anonymousId: string }, now: InstantMs): Promise<Linked>
  /** `alias`: what `previousId` (a user's or an anonymous id) stood for joins `userId`. */
  alias(workspace: string, ids: { userId: string; previousId: string }, now: InstantMs): Promise<Linked>
}

import { isDeepStrictEqual } from 'node:util'
import type { InstantMs } from '#contracts/clock.ts'
import type { CustomerEvent } from '#contracts/event.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Customer, Profile } from '#contracts/profile.ts'
import { traitsMax } from './profile.ts'

/** An account as a batch holds it. */
export interface Account {
  accountId: string
  /** 0 when there is no row yet. */
  version: number
  traits: JsonObject
  /** When the newest event happened that brought traits; 0: none did. */
  traitsAt: number
  createdAt: number
}

/** Accounts that a customer is taken into; further ones are left out. A merge may bring more together. */
export const accountsMax = 32

export function newAccount(accountId: string, now: InstantMs): Account {
  return { accountId, version: 0, traits: {}, traitsAt: 0, createdAt: now }
}

/** The account that an event is about, null without one. */
export function accountIdOf({ kind, payload }: Pick<CustomerEvent, 'kind' | 'payload'>): string | null {
  return kind === 'group' && payload.groupId !== undefined ? payload.groupId : null
}

/** Of all accounts that these customers belong to, and of those named. */
export function accountIdsOf(customers: Iterable<Customer>, named: readonly string[] = []): string[] {
  const ids = new Set(named)
  for (const { profile } of customers) for (const id of Object.keys(profile.accounts ?? {})) ids.add(id)
  return [...ids]
}

/** Members who are not among these customers. */
export function othersOf(
  members: ReadonlyMap<string, readonly string[]> | null,
  customerIds: readonly string[],
): string[] {
  if (members === null) return []
  const others = new Set([...members.values()].flat())
  for (const id of customerIds) others.delete(id)
  return [...others]
}

/**
 * Takes a group event into the account and the customer's profile, in place. Traits are kept as a profile's
 * are: an event older than the newest that brought traits fills in what is missing and overwrites nothing.
 */
export function applyGroupEvent(
  account: Account,
  { profile }: Customer,
  { payload, occurredAt }: CustomerEvent,
): { joined: boolean; changed: boolean } {
  const changed = payload.traits !== undefined && setTraits(account, payload.traits, occurredAt)
  const accounts = profile.accounts ?? {}
  const joined = !Object.hasOwn(accounts, account.accountId)
  if (joined && Object.keys(accounts).length >= accountsMax) return { joined: false, changed }
  noteAccount(profile, account)
  return { joined, changed }
}

/** What the profile says of the account. Another object than the account's, which goes on changing. */
export function noteAccount(profile: Profile, { accountId, traits }: Account): void {
  profile.accounts = { ...profile.accounts, [accountId]: { ...traits } }
}

/** Whether the profile's copy is what the account is. */
export function knowsAccount(profile: Profile | undefined, { accountId, traits }: Account): boolean {
  return isDeepStrictEqual(profile?.accounts?.[accountId], traits)
}

function setTraits(account: Account, given: JsonObject, occurredAt: number): boolean {
  const { traits } = account
  const newer = occurredAt >= account.traitsAt
  let changed = false
  let room = traitsMax - Object.keys(traits).length
  for (const [key, value] of Object.entries(given)) {
    const known = Object.hasOwn(traits, key)
    if (key === '__proto__' || (known ? !newer : room <= 0)) continue
    if (known && isDeepStrictEqual(traits[key], value)) continue
    if (!known) room -= 1
    traits[key] = value
    changed = true
  }
  if (newer) account.traitsAt = occurredAt
  return changed
}

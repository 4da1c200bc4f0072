import type { ChannelName } from '#contracts/campaign.ts'
import type { ContactSlot, CustomerFacts } from '#contracts/guardrail.ts'
import type { Consents, Customer, Profile } from '#contracts/profile.ts'
import { e164, isCountry } from '#platform/phone/e164.ts'
import { isGloballyHeldOut } from '../campaign/assignment.ts'
import { customerZone } from '../profile/zone-of-place.ts'
import type { WorkspaceContext } from './workspace-context.ts'

/** Assignment to the holdout of everything: a row like a campaign's, under this id. */
export const globalHoldoutId = '*'

/** Slots older than this bind no cap: the longest window the schema allows is 366 days. */
export const contactsKeptMs = 367 * 86_400_000

/** Channels in which we know where a customer is: campaigns may use these. */
export const addressedChannels: readonly ChannelName[] = ['email', 'sms', 'push', 'in-app', 'webhook']

/** Whom an address is looked up for; `pushAddresses` holds the newest live endpoint of each customer. */
export interface Addressed {
  customerId: string
  profile: Profile
  pushAddresses: ReadonlyMap<string, string>
  /** The workspace's. */
  country: string | undefined
}

/**
 * Where a channel reaches a customer; null where it does not. A number is written to in E.164 and no other way, so
 * that a suppression, or a STOP from it, is of the same number. In their inbox everybody is found by their id.
 */
export function addressFor(channel: ChannelName, addressed: Addressed): string | null {
  const { customerId, profile, pushAddresses, country } = addressed
  const own = profile.traits.country
  switch (channel) {
    case 'email':
      return profile.email ?? null
    case 'sms':
      return e164(profile.traits.phone, isCountry(own) ? own : country) ?? null
    case 'push':
      return pushAddresses.get(customerId) ?? null
    case 'in-app':
    // Where it goes is the provider's to say; of whom it speaks is said by the id.
    case 'webhook':
      return customerId
  }
}

/** A customer's addresses in these channels. */
export function addressesOf(
  addressed: Addressed,
  channels: Iterable<ChannelName>,
): Partial<Record<ChannelName, string>> {
  const addresses: Partial<Record<ChannelName, string>> = {}
  for (const channel of channels) {
    const address = addressFor(channel, addressed)
    if (address !== null) addresses[channel] = address
  }
  return addresses
}

export interface CustomerFactSources {
  context: WorkspaceContext
  customer: Customer
  consents: Map<string, Consents>
  /** By channel, NUL and address. */
  suppressions: Map<string, string>
  contacts: Map<string, ContactSlot[]>
  /** Who belongs to an account, where a cap asks for it. */
  accountMembers?: ReadonlyMap<string, readonly string[]>
  addresses: Partial<Record<ChannelName, string>>
  /** The stored assignment to the holdout of everything, if there is one. */
  globalAssignment: { heldOut: boolean } | undefined
}

/** What guardrails may know of a customer: the same at decision and in the claim. */
export function customerFactsOf(sources: CustomerFactSources): CustomerFacts {
  const { context, customer, globalAssignment } = sources
  const { customerId, profile } = customer
  const suppressions: CustomerFacts['suppressions'] = {}
  for (const [channel, address] of Object.entries(sources.addresses) as [ChannelName, string][]) {
    const reason = sources.suppressions.get(`${channel}\u0000${address}`)
    if (reason !== undefined) suppressions[channel] = reason
  }
  return {
    customerId,
    zone: customerZone(profile, context.settings.zone),
    consents: sources.consents.get(customerId) ?? {},
    suppressions,
    contacts: sources.contacts.get(customerId) ?? [],
    ...accountsOf(sources),
    priorities: context.priorities,
    globalHoldout:
      globalAssignment === undefined
        ? isGloballyHeldOut(context.settings.workspace, customerId, context.guardrails.globalHoldout)
        : globalAssignment.heldOut,
  }
}

/** Whoever has just joined has no row of it yet, and is a member. */
function accountsOf({
  customer,
  contacts,
  accountMembers,
}: CustomerFactSources): Pick<CustomerFacts, 'accounts'> {
  const { accounts } = customer.profile
  if (accountMembers === undefined || accounts === undefined) return {}
  return {
    accounts: Object.keys(accounts).map((accountId) => {
      const memberIds = [...new Set([...(accountMembers.get(accountId) ?? []), customer.customerId])]
      return { accountId, memberIds, contacts: memberIds.flatMap((id) => contacts.get(id) ?? []) }
    }),
  }
}

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

/** Channels for which a profile holds an address: campaigns may use these. */
export const addressedChannels: readonly ChannelName[] = ['email', 'sms', 'push']

/**
 * Where a channel reaches a customer; null where it does not. A number is written to in E.164 and no other way, so
 * that a suppression, or a STOP from it, is of the same number. `country`: the workspace's.
 */
export function addressFor(channel: ChannelName, profile: Profile, country?: string): string | null {
  if (channel === 'email') return profile.email ?? null
  if (channel === 'sms') {
    const own = profile.traits.country
    return e164(profile.traits.phone, isCountry(own) ? own : country) ?? null
  }
  const trait = addressTraits.get(channel)
  const address = trait === undefined ? undefined : profile.traits[trait]
  return typeof address === 'string' && address !== '' ? address : null
}

/** Traits that hold an address. */
const addressTraits: ReadonlyMap<ChannelName, string> = new Map([['push', 'deviceToken']])

/** Every address of a customer, by channel. */
export function addressesOf(profile: Profile, country?: string): Partial<Record<ChannelName, string>> {
  const addresses: Partial<Record<ChannelName, string>> = {}
  for (const channel of addressedChannels) {
    const address = addressFor(channel, profile, country)
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
    priorities: context.priorities,
    globalHoldout:
      globalAssignment === undefined
        ? isGloballyHeldOut(context.settings.workspace, customerId, context.guardrails.globalHoldout)
        : globalAssignment.heldOut,
  }
}

import type { InstantMs } from '#contracts/clock.ts'
import type { CustomerEvent } from '#contracts/event.ts'
import type { JsonObject, JsonValue } from '#contracts/json.ts'
import type { Customer, Profile } from '#contracts/profile.ts'
import type { ReportingCurrency } from '#platform/money/reporting-currency.ts'
import { countActivity } from './activity.ts'
import { countAffinities } from './affinities.ts'
import { clicked, countEvent, opened } from './event-counts.ts'
import { normalEmail } from './normal-email.ts'
import { noteInterest } from './product-interest.ts'
import { type DatedProfile, traitsMax } from './profile.ts'
import { isIanaZone } from './zone.ts'

/**
 * Takes an event into `customer.profile`, in place.
 *
 * Traits come from `traits` of an identify and from `context.traits` of any event (those of a group call
 * describe the group); `context.traitsOnce` fills in what is missing and overwrites nothing. Nor does an
 * event older than the newest one that brought traits; one instant for the whole profile instead of one per
 * trait keeps profiles small, and errs by ignoring a late update of a trait that the newer event did not bring.
 *
 * A zone and a locale in the traits win over the context's, which is the device's of the moment. The newest
 * `context.device.token` is the trait `deviceToken`: where a push reaches the customer.
 */
export function applyEvent(customer: Customer, event: CustomerEvent, currency: ReportingCurrency): void {
  const { profile } = customer
  const { payload, kind, occurredAt } = event
  const { context } = payload
  const traits = traitsOf(event)
  if (traits !== undefined) applyTraits(profile, traits, occurredAt)
  if (isObject(context?.traitsOnce)) setTraits(profile, context.traitsOnce, false)
  if (context !== undefined) applyContext(profile, context, occurredAt)
  if (occurredAt < profile.firstSeenAt) profile.firstSeenAt = occurredAt
  if (occurredAt > profile.lastSeenAt) profile.lastSeenAt = occurredAt
  if (kind !== 'track' && kind !== 'page' && kind !== 'screen') return
  const name = kind === 'track' ? (payload.name ?? '') : kind
  countEvent(profile, name, occurredAt, valueMicrosOf(payload.properties, occurredAt, currency))
  countActivity(profile, occurredAt)
  countAffinities(profile, payload.properties, occurredAt)
  noteInterest(profile, name, payload.properties, occurredAt)
}

/**
 * Counts a click or an open of one of our messages, as `Message Clicked` and `Message Opened`. The caller
 * leaves out those that look like a link scanner's. An open is no sign of life: mail programs load images
 * on their own.
 */
export function applyEngagement({ profile }: Customer, kind: 'click' | 'open', occurredAt: InstantMs): void {
  countEvent(profile, kind === 'click' ? clicked : opened, occurredAt, 0)
  if (kind === 'open') return
  countActivity(profile, occurredAt)
  if (occurredAt > profile.lastSeenAt) profile.lastSeenAt = occurredAt
}

function traitsOf({ kind, payload }: CustomerEvent): JsonObject | undefined {
  const own = kind === 'identify' ? payload.traits : undefined
  const given = payload.context?.traits
  if (!isObject(given)) return own
  return own === undefined ? given : { ...given, ...own }
}

function applyTraits(profile: DatedProfile, given: JsonObject, occurredAt: InstantMs): void {
  const newer = profile.traitsAt === undefined || occurredAt >= profile.traitsAt
  setTraits(profile, given, newer)
  if (newer) profile.traitsAt = occurredAt
}

/** What is missing is always filled in; what is there is overwritten only if so told. */
function setTraits(profile: Profile, given: JsonObject, overwrites: boolean): void {
  const { traits } = profile
  let room = -1
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(traits, key)) {
      if (overwrites) traits[key] = given[key]!
      continue
    }
    if (room < 0) room = Math.max(0, traitsMax - Object.keys(traits).length)
    // Assigning the latter would set the object's prototype.
    if (room === 0 || key === '__proto__') continue
    traits[key] = given[key]!
    room -= 1
  }
  if (Object.hasOwn(given, 'email')) setOrDelete(profile, 'email', normalEmail(traits.email))
  if (Object.hasOwn(given, 'timezone') && isIanaZone(traits.timezone)) profile.zone = traits.timezone
  if (Object.hasOwn(given, 'locale') && isLocale(traits.locale)) profile.locale = traits.locale
}

/** Runs before `lastSeenAt` moves: the context of an older event than that says nothing new. */
function applyContext(
  profile: Profile,
  { timezone, locale, device }: JsonObject,
  occurredAt: InstantMs,
): void {
  const newest = occurredAt >= profile.lastSeenAt
  const { traits } = profile
  if (isObject(device) && typeof device.token === 'string' && device.token !== '') {
    setTraits(profile, { deviceToken: device.token }, newest)
  }
  if (timezone !== profile.zone && (newest || profile.zone === undefined) && isIanaZone(timezone)) {
    if (!isIanaZone(ownTrait(traits, 'timezone'))) profile.zone = timezone
  }
  if (locale !== profile.locale && (newest || profile.locale === undefined) && isLocale(locale)) {
    if (!isLocale(ownTrait(traits, 'locale'))) profile.locale = locale
  }
}

function valueMicrosOf(
  properties: JsonObject | undefined,
  at: InstantMs,
  currency: ReportingCurrency,
): number {
  if (properties === undefined) return 0
  const amount = properties.revenue ?? properties.value ?? properties.total
  return amount === undefined || amount === null ? 0 : (currency.micros(amount, properties.currency, at) ?? 0)
}

function setOrDelete(profile: Profile, key: 'email', value: string | undefined): void {
  if (value === undefined) delete profile[key]
  else profile[key] = value
}

function ownTrait(traits: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(traits, key) ? traits[key] : undefined
}

/** A BCP 47 tag or what clients send for one: `en-GB`, `pt_BR`. */
function isLocale(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && /^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,8}$/.test(value)
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import type { FeatureInput } from '#contracts/feature-schema.ts'
import type { Profile } from '#contracts/profile.ts'
import { localMoment } from '#platform/clock/local-time.ts'
import { contactsSince, eachPlainValue, hashOf, logScaled, traitValue } from './feature-values.ts'

export const featureSchemaV1 = 'v1'
export const featureDimensions = 64

const denseNames = [
  'constant',
  'days since last seen (log)',
  'days since first seen (log)',
  'events (log)',
  'orders (log)',
  'order value (log)',
  'hour of day (sine)',
  'hour of day (cosine)',
  'weekend',
  'night (0-6 h)',
  'morning (6-12 h)',
  'afternoon (12-18 h)',
  'evening (18-24 h)',
  'contacts in 7 days',
  'clicks and opens (log)',
  'e-mail known',
] as const
const traitSlots = featureDimensions - denseNames.length

/** What each dimension means, for people; a trait slot is named by its number. */
export const featureNamesV1: readonly string[] = [
  ...denseNames,
  ...Array.from({ length: traitSlots }, (_, slot) => `trait slot ${slot}`),
]

const dayMs = 86_400_000
const orderEvent = 'Order Completed'

/**
 * The feature vector of schema `v1`, shape (64): a constant 1, 15 dense features within [-1, 1], and 48
 * slots into which the declared traits are hashed one-hot (`trait=value`, an array value by value).
 * Two values that hash to one slot share its weight: with 16 traits of a customer in 48 slots some do, which
 * costs a little precision and no correctness. A trait that is missing sets nothing.
 *
 * The same function serves decisions and training. Logarithms are scaled by a round amount (a year, 1,000
 * events, 100 orders, 10,000 units of money) and clipped at 1, so that the prior precision of 1 means the
 * same for each weight.
 */
export function featureVector(from: FeatureInput): Float64Array {
  const { profile, now } = from
  const x = new Float64Array(featureDimensions)
  x[0] = 1
  x[1] = logScaled((now - profile.lastSeenAt) / dayMs, 365)
  x[2] = logScaled((now - profile.firstSeenAt) / dayMs, 1_095)
  writeCounts(x, profile)
  writeLocalTime(x, now, from.zone)
  x[13] = Math.min(1, contactsSince(from.contacts, now - 7 * dayMs, now) / 7)
  x[15] = profile.email === undefined ? 0 : 1
  for (const trait of from.traits) {
    eachPlainValue(traitValue(profile.traits, trait), (value) => {
      x[traitSlotOf(trait, value)] = 1
    })
  }
  return x
}

function writeCounts(x: Float64Array, profile: Profile): void {
  let events = 0
  let orders = 0
  let orderMicros = 0
  for (const name of Object.keys(profile.counts)) {
    const counts = profile.counts[name]
    if (counts === undefined) continue
    events += counts.total
    if (counts.valueMicros > 0 || name === orderEvent) {
      orders += counts.total
      orderMicros += counts.valueMicros
    }
  }
  const clicks = profile.counts['Message Clicked']?.total ?? 0
  const opens = profile.counts['Message Opened']?.total ?? 0
  x[3] = logScaled(events, 1_000)
  x[4] = logScaled(orders, 100)
  x[5] = logScaled(orderMicros / 1_000_000, 10_000)
  x[14] = logScaled(clicks + opens, 100)
}

function writeLocalTime(x: Float64Array, now: number, zone: string): void {
  const { dayNumber, minuteOfDay } = localMoment(now, zone)
  const angle = (minuteOfDay / 1_440) * 2 * Math.PI
  // 1970-01-01 was a Thursday: 0 is Sunday, 6 Saturday.
  const weekday = (((dayNumber + 4) % 7) + 7) % 7
  x[6] = Math.sin(angle)
  x[7] = Math.cos(angle)
  x[8] = weekday === 0 || weekday === 6 ? 1 : 0
  x[9 + Math.floor(minuteOfDay / 360)] = 1
}

/** Dimension of `trait=value`. */
export function traitSlotOf(trait: string, value: string | number | boolean): number {
  return denseNames.length + (hashOf(trait, value) % traitSlots)
}

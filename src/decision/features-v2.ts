import type { FeatureInput, FeatureVector } from '#contracts/feature-schema.ts'
import type { EventCounts, Profile } from '#contracts/profile.ts'
import { localMoment } from '#platform/clock/local-time.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import { contactsSince, eachPlainValue, hashOf, logScaled, traitValue } from './feature-values.ts'

export const featureSchemaV2 = 'v2'
/** Slots of the hashed tail. */
export const tailSlotsV2 = 2 ** 18

const plainNames = [
  'constant',
  'freshness of the last sign of life',
  'days since first seen (log)',
  'freshness of the last order',
  'freshness of the last click',
  'freshness of the last contact',
  'events in 7 days (log)',
  'events in 30 days (log)',
  'events (log)',
  'pages and screens in 30 days (log)',
  'active days in 30 days',
  'orders in 90 days (log)',
  'orders (log)',
  'order value in 90 days (log)',
  'order value (log)',
  'average order value (log)',
  'trend: 7 days against 28',
  'contacts in 7 days',
  'contacts in 30 days (log)',
  'clicks in 30 days (log)',
  'clicks (log)',
  'opens in 30 days (log)',
  'clicks per contact in 90 days',
  'kinds of events (log)',
  'e-mail known',
  'phone known',
  'hour of day (sine)',
  'hour of day (cosine)',
  'day of week (sine)',
  'day of week (cosine)',
  'weekend',
  'share of the favourite affinity',
  'affinities (log)',
] as const
const at = Object.fromEntries(plainNames.map((name, place) => [name, place])) as Record<
  (typeof plainNames)[number],
  number
>

const affinitySlots = 8
const numberSlots = 7
const categorySlots = 16
const affinityAt = plainNames.length
const numberAt = affinityAt + affinitySlots
const categoryAt = numberAt + numberSlots

/** What each of the 64 dimensions means, for people; a slot is named by its number. */
export const featureNamesV2: readonly string[] = [
  ...plainNames,
  ...Array.from({ length: affinitySlots }, (_, slot) => `affinity slot ${slot}`),
  ...Array.from({ length: numberSlots }, (_, slot) => `number slot ${slot}`),
  ...Array.from({ length: categorySlots }, (_, slot) => `category slot ${slot}`),
]

const dayMs = 86_400_000

/**
 * The feature vector of schema `v2`, shape (64), within [-1, 1], and its hashed tail.
 *
 * Freshness is 1 now, falls with the logarithm of the days and is 0 after a year, and 0 for what never
 * happened. Windows of n days are UTC days, today included, as in conditions. An affinity counts by its share of
 * all affinities and its freshness. Declared traits that are numbers go, by logarithm, into number slots,
 * all others one-hot into category slots. The tail holds every affinity, declared trait and
 * kind of event on its own, one-hot in 2^18 slots.
 *
 * Nothing here depends on the order in which things came to be known: the profile's integers are added up.
 */
export function featureVectorV2(input: FeatureInput): FeatureVector {
  const x = new Float64Array(featureNamesV2.length)
  const tail = new Set<number>()
  const add = (name: string, value: string | number | boolean): void => {
    tail.add(hashOf(name, value) % tailSlotsV2)
  }
  x[at.constant] = 1
  writeRecency(x, input)
  writeCounts(x, input, add)
  writeLocalTime(x, input)
  writeAffinities(x, input, add)
  writeTraits(x, input, add)
  const slots = Uint32Array.from(tail).sort()
  return { dense: x, tail: { slots, values: new Float64Array(slots.length).fill(1) } }
}

function freshness(lastAt: number | undefined, now: number): number {
  return lastAt === undefined ? 0 : 1 - logScaled(Math.max(0, now - lastAt) / dayMs, 365)
}

function writeRecency(x: Float64Array, { profile, contacts, now }: FeatureInput): void {
  x[at['freshness of the last sign of life']] = freshness(profile.lastSeenAt, now)
  x[at['days since first seen (log)']] = logScaled((now - profile.firstSeenAt) / dayMs, 1_095)
  let contactedAt: number | undefined
  for (const contact of contacts) {
    if (contact.state === 'queued' || contact.transactional || contact.at > now) continue
    if (contactedAt === undefined || contact.at > contactedAt) contactedAt = contact.at
  }
  x[at['freshness of the last contact']] = freshness(contactedAt, now)
}

interface Sums {
  count: number
  micros: number
}

function sumSince({ days }: EventCounts, day: number, into: Sums): void {
  for (let i = days.length - 1; i >= 0 && days[i]![0] >= day; i -= 1) {
    into.count += days[i]![1]
    into.micros += days[i]![2]
  }
}

const noSums = (): Sums => ({ count: 0, micros: 0 })
const micros = 1_000_000
const ownEvents = new Set(['Message Clicked', 'Message Opened'])

function writeCounts(
  x: Float64Array,
  { profile, contacts, now }: FeatureInput,
  add: (name: string, value: string) => void,
): void {
  const today = dayUtcOf(now)
  const all = noSums()
  const [in7, in28, in30, orders, orders90, pages30] = [
    noSums(),
    noSums(),
    noSums(),
    noSums(),
    noSums(),
    noSums(),
  ]
  const activeDays = new Set<number>()
  let orderedAt: number | undefined
  let kinds = 0
  for (const name of Object.keys(profile.counts)) {
    const counts = profile.counts[name]!
    if (ownEvents.has(name)) continue
    kinds += 1
    add('event', name)
    all.count += counts.total
    sumSince(counts, today - 6, in7)
    sumSince(counts, today - 27, in28)
    sumSince(counts, today - 29, in30)
    for (let i = counts.days.length - 1; i >= 0 && counts.days[i]![0] > today - 30; i -= 1) {
      activeDays.add(counts.days[i]![0])
    }
    if (name === 'page' || name === 'screen') sumSince(counts, today - 29, pages30)
    if (counts.valueMicros <= 0 && name !== 'Order Completed') continue
    orders.count += counts.total
    orders.micros += counts.valueMicros
    sumSince(counts, today - 89, orders90)
    if (orderedAt === undefined || counts.lastAt > orderedAt) orderedAt = counts.lastAt
  }
  x[at['freshness of the last order']] = freshness(orderedAt, now)
  x[at['events in 7 days (log)']] = logScaled(in7.count, 200)
  x[at['events in 30 days (log)']] = logScaled(in30.count, 500)
  x[at['events (log)']] = logScaled(all.count, 1_000)
  x[at['pages and screens in 30 days (log)']] = logScaled(pages30.count, 500)
  x[at['active days in 30 days']] = Math.min(1, activeDays.size / 30)
  x[at['orders in 90 days (log)']] = logScaled(orders90.count, 30)
  x[at['orders (log)']] = logScaled(orders.count, 100)
  x[at['order value in 90 days (log)']] = logScaled(orders90.micros / micros, 3_000)
  x[at['order value (log)']] = logScaled(orders.micros / micros, 10_000)
  x[at['average order value (log)']] =
    orders.count === 0 ? 0 : logScaled(orders.micros / micros / orders.count, 1_000)
  x[at['trend: 7 days against 28']] = logScaled(in7.count * 4, 800) - logScaled(in28.count, 800)
  x[at['kinds of events (log)']] = logScaled(kinds, 100)
  writeEngagement(x, profile, contacts, now)
}

function writeEngagement(
  x: Float64Array,
  profile: Profile,
  contacts: FeatureInput['contacts'],
  now: number,
): void {
  const today = dayUtcOf(now)
  const clicked = profile.counts['Message Clicked']
  const opened = profile.counts['Message Opened']
  const within = (counts: EventCounts | undefined, days: number): number => {
    const sums = noSums()
    if (counts !== undefined) sumSince(counts, today - days + 1, sums)
    return sums.count
  }
  x[at['freshness of the last click']] = freshness(clicked?.lastAt, now)
  x[at['clicks in 30 days (log)']] = logScaled(within(clicked, 30), 30)
  x[at['clicks (log)']] = logScaled(clicked?.total ?? 0, 100)
  x[at['opens in 30 days (log)']] = logScaled(within(opened, 30), 60)
  x[at['contacts in 7 days']] = Math.min(1, contactsSince(contacts, now - 7 * dayMs, now) / 7)
  x[at['contacts in 30 days (log)']] = logScaled(contactsSince(contacts, now - 30 * dayMs, now), 30)
  // Shrunk towards none by five contacts, or one click after one contact would count as a habit.
  const perContact = within(clicked, 90) / (contactsSince(contacts, now - 90 * dayMs, now) + 5)
  x[at['clicks per contact in 90 days']] = Math.min(1, perContact)
}

function writeLocalTime(x: Float64Array, { profile, now, zone }: FeatureInput): void {
  const { dayNumber, minuteOfDay } = localMoment(now, zone)
  const hour = (minuteOfDay / 1_440) * 2 * Math.PI
  // 1970-01-01 was a Thursday: 0 is Sunday, 6 Saturday.
  const weekday = (((dayNumber + 4) % 7) + 7) % 7
  x[at['hour of day (sine)']] = Math.sin(hour)
  x[at['hour of day (cosine)']] = Math.cos(hour)
  x[at['day of week (sine)']] = Math.sin((weekday / 7) * 2 * Math.PI)
  x[at['day of week (cosine)']] = Math.cos((weekday / 7) * 2 * Math.PI)
  x[at.weekend] = weekday === 0 || weekday === 6 ? 1 : 0
  x[at['e-mail known']] = profile.email === undefined ? 0 : 1
  const { phone } = profile.traits
  x[at['phone known']] = typeof phone === 'string' && phone !== '' ? 1 : 0
}

function writeAffinities(
  x: Float64Array,
  { profile, now }: FeatureInput,
  add: (name: string, value: string) => void,
): void {
  const affinities = profile.affinities ?? {}
  // Sorted: two that share a slot are added up, and sums of fractions depend on their order.
  const names = Object.keys(affinities).sort()
  let all = 0
  let most = 0
  for (const name of names) {
    all += affinities[name]!.total
    most = Math.max(most, affinities[name]!.total)
    add('affinity', name)
  }
  if (all === 0) return
  x[at['share of the favourite affinity']] = most / all
  x[at['affinities (log)']] = logScaled(names.length, 48)
  for (const name of names) {
    const { total, lastAt } = affinities[name]!
    const slot = affinityAt + (hashOf('affinity', name) % affinitySlots)
    x[slot] = Math.min(1, x[slot]! + (total / all) * freshness(lastAt, now))
  }
}

function writeTraits(
  x: Float64Array,
  { profile, traits }: FeatureInput,
  add: (name: string, value: string | number | boolean) => void,
): void {
  for (const trait of [...traits].sort()) {
    eachPlainValue(traitValue(profile.traits, trait), (value) => {
      if (typeof value !== 'number') {
        x[categoryAt + (hashOf(trait, value) % categorySlots)] = 1
        add(trait, value)
        return
      }
      const slot = numberAt + (hashOf('number', trait) % numberSlots)
      const scaled = Math.sign(value) * logScaled(Math.abs(value), 1_000_000)
      x[slot] = Math.max(-1, Math.min(1, x[slot]! + scaled))
    })
  }
}

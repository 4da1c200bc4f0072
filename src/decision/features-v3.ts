import type { FeatureInput, NamedTailFeature, TailFeatures } from '#contracts/feature-schema.ts'
import type { JsonObject, JsonValue } from '#contracts/json.ts'
import { eachPlainValue, hashOfParts, traitValue } from './feature-values.ts'

export const featureSchemaV3 = 'v3'
/** 48 of 10,000 known features share a slot with one of the others in 14 % of cases: 65,536 keep tails small. */
export const tailSlotsV3 = 2 ** 16

/** Most features of each kind, so that no decision has more than 48; what comes later in its order is left out. */
const requestMax = 8
const traitsMax = 16
const itemsMax = 8
const affinitiesMax = 8
const eventsMax = 8
export const tailFeaturesMaxV3 = requestMax + traitsMax + itemsMax + affinitiesMax + eventsMax

/** Longer texts are prose, and no two customers have the same. */
const textCharsMax = 64
/** Up to here a whole number may be a choice (a shop, a size); above, its power of two counts. */
const exactNumberMax = 999
const traitDepthMax = 3
const dayMs = 86_400_000

/** Who somebody is, and where, says nothing of others, and is not to be learned by. */
const identityTraits = new Set([
  ...[
    'id',
    'userid',
    'anonymousid',
    'externalid',
    'customerid',
    'deviceid',
    'email',
    'phone',
    'mobile',
    'fax',
  ],
  ...['name', 'firstname', 'lastname', 'fullname', 'middlename', 'nickname', 'username', 'avatar', 'website'],
  ...['birthday', 'birthdate', 'dateofbirth', 'description', 'createdat', 'street', 'streetaddress', 'ip'],
  ...['latitude', 'longitude', 'token', 'devicetoken', 'password', 'iban', 'ssn', 'taxid', 'vatid'],
])
/** In one line it is where somebody lives; taken apart, its country is not. */
const addressTrait = 'address'

/** One feature: `kind` + `name` + `sign` + `value` is what the slot is the hash of. */
type Visit = (kind: string, name: string, sign: string, value: string, amount: number) => void

/**
 * The hashed tail of schema `v3`, whose dense part is that of `v1`: what has no room there, each by itself in
 * 2^16 slots, what is missing left out.
 *
 * - `placement NAME` and `context KEY=VALUE` of the request, where there is one: 1;
 * - `trait PATH=VALUE`: plain values, those that campaigns declare first, then all others by name: 1. Left out
 *   are names, addresses and the like, texts of more than 64 characters, and whatever a campaign watches over
 *   for fairness. Whole numbers up to 999 stand for themselves, others for their power of two (`trait PATH~2^N`);
 * - `bought ID`, `added ID`, `viewed ID`: the newest items: 1;
 * - `affinity PROPERTY=VALUE`: the greatest, by its share of all affinities;
 * - `event NAME within N d`: the latest kinds of events, N one of 1, 7, 30, 90, else `event NAME earlier`: 1.
 *
 * What shares a slot is added up. The result depends on no order in which things came to be known.
 */
export function tailV3(input: FeatureInput): TailFeatures {
  count = 0
  eachFeature(input, put)
  return { slots: slotScratch.slice(0, count), values: valueScratch.slice(0, count) }
}

/** The same features with their names, in the order above; several may share a slot. */
export function namedTailV3(input: FeatureInput): NamedTailFeature[] {
  const features: NamedTailFeature[] = []
  eachFeature(input, (kind, name, sign, value, amount) => {
    const slot = slotOf(kind, name, sign, value)
    features.push({ slot, name: kind + name + sign + value, value: amount })
  })
  return features
}

/** Where a feature of that name stands, whether anybody has it or not; null where none is called so. */
export function tailSlotV3(name: string): number | null {
  return kinds.some((kind) => name.startsWith(kind)) ? slotOf(name, '', '', '') : null
}

const kinds = ['placement ', 'context ', 'trait ', 'bought ', 'added ', 'viewed ', 'affinity ', 'event ']

function slotOf(kind: string, name: string, sign: string, value: string): number {
  return hashOfParts('v3 ', kind, name, sign, value) % tailSlotsV3
}

/** Ascending by slot, each once. */
const slotScratch = new Uint32Array(tailFeaturesMaxV3)
const valueScratch = new Float64Array(tailFeaturesMaxV3)
let count = 0

function put(kind: string, name: string, sign: string, value: string, amount: number): void {
  const slot = slotOf(kind, name, sign, value)
  let at = count
  while (at > 0 && slotScratch[at - 1]! > slot) at -= 1
  if (at > 0 && slotScratch[at - 1] === slot) {
    valueScratch[at - 1]! += amount
    return
  }
  slotScratch.copyWithin(at + 1, at, count)
  valueScratch.copyWithin(at + 1, at, count)
  slotScratch[at] = slot
  valueScratch[at] = amount
  count += 1
}

function eachFeature(input: FeatureInput, visit: Visit): void {
  const watched = new Set(input.watched)
  eachOfRequest(input, watched, visit)
  eachTrait(input, watched, visit)
  eachItem(input, visit)
  eachAffinity(input, visit)
  eachEvent(input, visit)
}

function eachOfRequest({ request }: FeatureInput, watched: ReadonlySet<string>, visit: Visit): void {
  if (request === undefined) return
  const limited = limitedTo(requestMax, visit)
  limited('placement ', request.placement, '', '', 1)
  eachValueOf(request.context, watched, (path, value) => plain('context ', path, value, limited))
}

function eachTrait({ profile, traits }: FeatureInput, watched: ReadonlySet<string>, visit: Visit): void {
  const limited = limitedTo(traitsMax, visit)
  const declared = new Set(traits)
  for (const path of [...declared].sort()) {
    if (isKept(path, watched)) {
      eachPlainValue(traitValue(profile.traits, path), (value) => plain('trait ', path, value, limited))
    }
  }
  eachValueOf(profile.traits, watched, (path, value) => {
    if (!declared.has(path)) plain('trait ', path, value, limited)
  })
}

/** Plain values with their paths, by name at each level. */
function eachValueOf(
  object: JsonObject,
  watched: ReadonlySet<string>,
  visit: (path: string, value: string | number | boolean) => void,
  prefix = '',
  depth = 1,
): void {
  for (const key of Object.keys(object).sort()) {
    const path = prefix + key
    const value: JsonValue | undefined = object[key]
    if (!isKept(path, watched)) continue
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      if (depth < traitDepthMax) eachValueOf(value, watched, visit, `${path}.`, depth + 1)
    } else if (key.toLowerCase() !== addressTrait) eachPlainValue(value, (one) => visit(path, one))
  }
}

/** Neither watched, nor within something watched, nor who somebody is. */
function isKept(path: string, watched: ReadonlySet<string>): boolean {
  for (const one of watched) if (path === one || path.startsWith(`${one}.`)) return false
  let isIdentity = identityByPath.get(path)
  if (isIdentity === undefined) {
    const last = path.slice(path.lastIndexOf('.') + 1)
    isIdentity = identityTraits.has(last.toLowerCase().replaceAll(/[_\- ]/g, ''))
    if (identityByPath.size >= knownPathsMax) identityByPath.clear()
    identityByPath.set(path, isIdentity)
  }
  return !isIdentity
}

/** Customers have the same few traits: to look at each name's letters again would take a third of the time. */
const identityByPath = new Map<string, boolean>()
const knownPathsMax = 10_000

function plain(kind: string, path: string, value: string | number | boolean, visit: Visit): void {
  if (typeof value !== 'number') {
    const text = String(value)
    if (text !== '' && text.length <= textCharsMax) visit(kind, path, '=', text, 1)
  } else if (Number.isInteger(value) && Math.abs(value) <= exactNumberMax) {
    visit(kind, path, '=', String(value), 1)
  } else visit(kind, path, value < 0 ? '~-2^' : '~2^', String(exponentOf(value)), 1)
}

const double = new DataView(new ArrayBuffer(8))

/** ⌊log₂|value|⌋, from the bits: a logarithm may round up just below a power of two. */
function exponentOf(value: number): number {
  double.setFloat64(0, value)
  return ((double.getUint16(0) >> 4) & 0x7ff) - 1023
}

function eachItem({ profile }: FeatureInput, visit: Visit): void {
  if (profile.items === undefined) return
  const limited = limitedTo(itemsMax, visit)
  for (const kind of ['bought', 'added', 'viewed'] as const) {
    for (const [id] of newestFirst(Object.entries(profile.items[kind]), ([, at]) => at)) {
      limited(`${kind} `, id, '', '', 1)
    }
  }
}

function eachAffinity({ profile }: FeatureInput, visit: Visit): void {
  const limited = limitedTo(affinitiesMax, visit)
  const affinities = Object.entries(profile.affinities ?? {})
  const all = affinities.reduce((sum, [, { total }]) => sum + total, 0)
  for (const [name, { total }] of newestFirst(affinities, ([, affinity]) => affinity.total)) {
    limited('affinity ', name, '', '', total / all)
  }
}

const ownEvents = new Set(['Message Clicked', 'Message Opened'])
const bucketDays = [1, 7, 30, 90]

function eachEvent({ profile, now }: FeatureInput, visit: Visit): void {
  const limited = limitedTo(eventsMax, visit)
  const events = Object.entries(profile.counts).filter(([name]) => !ownEvents.has(name))
  for (const [name, { lastAt }] of newestFirst(events, ([, counts]) => counts.lastAt)) {
    const days = bucketDays.find((own) => now - lastAt < own * dayMs)
    limited(
      'event ',
      name,
      days === undefined ? ' earlier' : ' within ',
      days === undefined ? '' : `${days} d`,
      1,
    )
  }
}

/** The greatest first; among equals by name. */
function newestFirst<T>(entries: [string, T][], by: (entry: [string, T]) => number): [string, T][] {
  return entries.sort((a, b) => by(b) - by(a) || (a[0] < b[0] ? -1 : 1))
}

function limitedTo(max: number, visit: Visit): Visit {
  let left = max
  return (kind, name, sign, value, amount) => {
    if (left === 0) return
    left -= 1
    visit(kind, name, sign, value, amount)
  }
}

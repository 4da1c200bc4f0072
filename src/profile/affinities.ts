import type { InstantMs } from '#contracts/clock.ts'
import type { JsonObject, JsonValue } from '#contracts/json.ts'
import type { Affinity, Profile } from '#contracts/profile.ts'
import { fnv1a } from './event-counts.ts'
import { affinitiesMax, affinityCharsMax, affinityProperties } from './profile.ts'

/** Most products of one event that are looked at: a cart, not a catalogue. */
const productsMax = 50

/**
 * Counts what an event is about: category, brand and offer, its own or of each of its `products` (as the
 * Segment e-commerce events have them), each once an event. Like the counts of events the result depends
 * neither on order nor on merges: of too many names the ones with the lowest hashes are kept.
 */
export function countAffinities(profile: Profile, properties: JsonObject | undefined, at: InstantMs): void {
  if (properties === undefined) return
  const named = new Set<string>()
  collect(properties, named)
  const { products } = properties
  if (Array.isArray(products)) for (const product of products.slice(0, productsMax)) collect(product, named)
  for (const name of named) add(profile, name, 1, at)
}

/** Adds all affinities of `from` to `into`. */
export function addAffinities(into: Profile, from: Profile): void {
  for (const [name, { total, lastAt }] of Object.entries(from.affinities ?? {}))
    add(into, name, total, lastAt)
}

function collect(from: JsonValue | undefined, named: Set<string>): void {
  if (typeof from !== 'object' || from === null || Array.isArray(from)) return
  for (const property of affinityProperties) {
    const value = Object.hasOwn(from, property) ? from[property] : undefined
    if (typeof value === 'string' && value !== '' && value.length <= affinityCharsMax) {
      named.add(`${property}=${value}`)
    }
  }
}

function add(profile: Profile, name: string, total: number, at: InstantMs): void {
  profile.affinities ??= {}
  const { affinities } = profile
  const own = Object.hasOwn(affinities, name) ? affinities[name] : undefined
  if (own !== undefined) {
    own.total += total
    if (at > own.lastAt) own.lastAt = at
    return
  }
  if (!makeRoom(affinities, name)) return
  affinities[name] = { total, lastAt: at }
}

/** False where the name itself ranks last. */
function makeRoom(affinities: Record<string, Affinity>, name: string): boolean {
  const names = Object.keys(affinities)
  if (names.length < affinitiesMax) return true
  const last = names.reduce((a, b) => (ranksBefore(a, b) ? b : a))
  if (ranksBefore(last, name)) return false
  delete affinities[last]
  return true
}

function ranksBefore(a: string, b: string): boolean {
  const byHash = fnv1a(a) - fnv1a(b)
  return byHash === 0 ? a < b : byHash < 0
}

import type { InstantMs } from '#contracts/clock.ts'
import type { EventCounts, Profile } from '#contracts/profile.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import { countDaysKeep, eventNamesMax, otherEvents } from './profile.ts'

/**
 * Counts one event. The result does not depend on the order in which events come, nor on whether they were
 * counted in one profile or in two that were merged later: a recount from the stored events finds the same.
 * So days are kept back from the newest day of the name, and of too many names those with the lowest rank
 * are kept, which is a property of the name alone (the k smallest of a set, as in bottom-k sketches).
 */
export function countEvent(profile: Profile, name: string, at: InstantMs, valueMicros: number): void {
  const { counts } = profile
  let own = Object.hasOwn(counts, name) ? counts[name] : undefined
  if (own === undefined) {
    const counted = admit(counts, name)
    own = Object.hasOwn(counts, counted) ? counts[counted] : undefined
    if (own === undefined) {
      counts[counted] = {
        total: 1,
        firstAt: at,
        lastAt: at,
        valueMicros,
        days: [[dayUtcOf(at), 1, valueMicros]],
      }
      return
    }
  }
  own.total += 1
  own.valueMicros += valueMicros
  if (at < own.firstAt) own.firstAt = at
  if (at > own.lastAt) own.lastAt = at
  addDay(own.days, dayUtcOf(at), 1, valueMicros)
}

/** Adds all counts of `from` to `into`. */
export function addCounts(into: Profile, from: Profile): void {
  for (const name of Object.keys(from.counts)) {
    const added = from.counts[name]!
    const counted = Object.hasOwn(into.counts, name) ? name : admit(into.counts, name)
    if (Object.hasOwn(into.counts, counted)) addTo(into.counts[counted]!, added)
    else into.counts[counted] = { ...added, days: added.days.map(([...day]) => day) }
  }
}

function addTo(into: EventCounts, from: EventCounts): void {
  into.total += from.total
  into.valueMicros += from.valueMicros
  into.firstAt = Math.min(into.firstAt, from.firstAt)
  into.lastAt = Math.max(into.lastAt, from.lastAt)
  for (const [day, count, valueMicros] of from.days) addDay(into.days, day, count, valueMicros)
}

function addDay(days: EventCounts['days'], day: number, count: number, valueMicros: number): void {
  let i = days.length - 1
  const newest = i < 0 ? day : days[i]![0]
  if (day <= newest - countDaysKeep) return
  while (i >= 0 && days[i]![0] > day) i -= 1
  const there = i < 0 ? undefined : days[i]!
  if (there !== undefined && there[0] === day) {
    there[1] += count
    there[2] += valueMicros
    return
  }
  days.splice(i + 1, 0, [day, count, valueMicros])
  if (day <= newest) return
  let stale = 0
  while (days[stale]![0] <= day - countDaysKeep) stale += 1
  if (stale > 0) days.splice(0, stale)
}

/** Under which name a new name is counted; makes room for it where it ranks before one that has a place. */
function admit(counts: Profile['counts'], name: string): string {
  // Assigning this key would set the object's prototype.
  if (name === otherEvents || name === '__proto__') return otherEvents
  const names = Object.keys(counts).filter((own) => own !== otherEvents)
  if (names.length < eventNamesMax) return name
  const last = names.reduce((a, b) => (ranksBefore(a, b) ? b : a))
  if (ranksBefore(last, name)) return otherEvents
  const evicted = counts[last]!
  delete counts[last]
  if (Object.hasOwn(counts, otherEvents)) addTo(counts[otherEvents]!, evicted)
  else counts[otherEvents] = evicted
  return name
}

function ranksBefore(a: string, b: string): boolean {
  const byGroup = group(a) - group(b)
  if (byGroup !== 0) return byGroup < 0
  const byHash = fnv1a(a) - fnv1a(b)
  return byHash === 0 ? a < b : byHash < 0
}

/** Names made up at run time (`Viewed item 4711`) mostly hold digits: they give way to those that do not. */
function group(name: string): number {
  if (ownNames.has(name)) return 0
  return /\d/.test(name) ? 2 : 1
}

export const clicked = 'Message Clicked'
export const opened = 'Message Opened'
const ownNames = new Set(['page', 'screen', clicked, opened])

/** 32 bits over UTF-16 code units. http://www.isthe.com/chongo/tech/comp/fnv/ */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

import type { InstantMs } from '#contracts/clock.ts'
import type { Condition } from '#contracts/condition.ts'
import { microsOf } from '#contracts/money.ts'
import type { EventCounts, Profile } from '#contracts/profile.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import { compileComparison } from './compare.ts'

export type EventLeafSpec = Extract<Condition, { event: string }>

export interface EventLeaf {
  holds(profile: Profile, now: InstantMs): boolean
  /** The first instant after `now` from which on it no longer holds what it holds now, if nothing more happens. */
  changesAt(profile: Profile, now: InstantMs): InstantMs | null
}

/**
 * A condition on what the customer did. A window of n days is today and the n − 1 UTC days before it, so it
 * moves at midnight UTC. Ages are exact: `daysSince gte 30` holds from 30 × 24 hours after the event on.
 */
export function compileEventLeaf(spec: EventLeafSpec): EventLeaf {
  return spec.measure === 'daysSince' ? ageLeaf(spec) : amountLeaf(spec)
}

/** What the leaf compares with: events, micros, or milliseconds. */
export function boundOf({ measure, value }: EventLeafSpec): number {
  if (measure === 'daysSince') return value * dayMs
  return measure === 'sum' ? microsOf(value) : value
}

function amountLeaf(spec: EventLeafSpec): EventLeaf {
  const { event, measure, op, withinDays } = spec
  const compare = compileComparison(op, boundOf(spec))
  const amountOf =
    measure === 'sum'
      ? ([, , micros]: EventCounts['days'][number]) => micros
      : ([, count]: EventCounts['days'][number]) => count
  const forever = (counts: EventCounts) => (measure === 'sum' ? counts.valueMicros : counts.total)

  const amount = (profile: Profile, now: InstantMs): number => {
    let sum = 0
    if (withinDays === undefined) {
      eachCounts(profile, event, (counts) => {
        sum += forever(counts)
      })
      return sum
    }
    const from = dayUtcOf(now) - withinDays + 1
    eachCounts(profile, event, ({ days }) => {
      for (let i = days.length - 1; i >= 0 && days[i]![0] >= from; i -= 1) sum += amountOf(days[i]!)
    })
    return sum
  }
  return {
    holds: (profile, now) => compare(amount(profile, now)),
    changesAt(profile, now) {
      if (withinDays === undefined) return null
      const from = dayUtcOf(now) - withinDays + 1
      let left = amount(profile, now)
      const holdsNow = compare(left)
      for (const day of daysFrom(from, profile, event)) {
        left -= amountOf(day)
        if (compare(left) !== holdsNow) return (day[0] + withinDays) * dayMs
      }
      return null
    },
  }
}

function ageLeaf(spec: EventLeafSpec): EventLeaf {
  const { event, op, withinDays } = spec
  const valueMs = boundOf(spec)
  const compare = compileComparison(op, valueMs)
  const ageMs = (lastAt: number, now: InstantMs): number => {
    if (withinDays !== undefined && dayUtcOf(lastAt) <= dayUtcOf(now) - withinDays) {
      return Number.POSITIVE_INFINITY
    }
    return Math.max(0, now - lastAt)
  }
  return {
    holds: (profile, now) => compare(ageMs(lastAtOf(profile, event), now)),
    changesAt(profile, now) {
      const lastAt = lastAtOf(profile, event)
      if (lastAt === Number.NEGATIVE_INFINITY) return null
      const reached = Math.ceil(lastAt + valueMs)
      const moments = [reached, reached + 1]
      if (withinDays !== undefined) moments.push((dayUtcOf(lastAt) + withinDays) * dayMs)
      const holdsNow = compare(ageMs(lastAt, now))
      const changes = moments.filter((at) => at > now && compare(ageMs(lastAt, at)) !== holdsNow)
      return changes.length === 0 ? null : Math.min(...changes)
    },
  }
}

/** Days from the given one on, ascending; those of all names are added up, since they leave together. */
function daysFrom(from: number, profile: Profile, event: string): EventCounts['days'] {
  const byDay = new Map<number, EventCounts['days'][number]>()
  eachCounts(profile, event, ({ days }) => {
    for (let i = days.length - 1; i >= 0 && days[i]![0] >= from; i -= 1) {
      const [day, count, micros] = days[i]!
      const sum = byDay.get(day)
      byDay.set(day, [day, count + (sum?.[1] ?? 0), micros + (sum?.[2] ?? 0)])
    }
  })
  return [...byDay.values()].sort((a, b) => a[0] - b[0])
}

function lastAtOf(profile: Profile, event: string): number {
  let lastAt = Number.NEGATIVE_INFINITY
  eachCounts(profile, event, (counts) => {
    if (counts.lastAt > lastAt) lastAt = counts.lastAt
  })
  return lastAt
}

function eachCounts({ counts }: Profile, event: string, visit: (counts: EventCounts) => void): void {
  if (event === '*') {
    for (const name of Object.keys(counts)) visit(counts[name]!)
  } else if (Object.hasOwn(counts, event)) {
    visit(counts[event]!)
  }
}

export const dayMs = 86_400_000

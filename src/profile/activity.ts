import type { InstantMs } from '#contracts/clock.ts'
import type { Profile } from '#contracts/profile.ts'
import { hoursOfWeek } from '#contracts/stages.ts'

const hourMs = 3_600_000
/** 1970-01-01 was a Thursday; weeks are counted from Sunday. */
const hoursBeforeThursday = 4 * 24

/** Hour of the week in UTC, 0 is Sunday 00:00. */
export function utcHourOfWeek(at: InstantMs): number {
  const hours = (Math.floor(at / hourMs) + hoursBeforeThursday) % hoursOfWeek
  return hours < 0 ? hours + hoursOfWeek : hours
}

/**
 * Counts one sign of life of the customer in its hour of the week. By UTC: the count depends neither on the
 * order of events nor on a zone that becomes known later, so a recount finds the same.
 */
export function countActivity(profile: Profile, at: InstantMs): void {
  addActivity(profile, utcHourOfWeek(at), 1)
}

/** Adds all of `from` to `into`. */
export function addActivities(into: Profile, from: Profile): void {
  const { activity = [] } = from
  for (let i = 0; i < activity.length; i += 2) addActivity(into, activity[i]!, activity[i + 1]!)
}

/** Signs of life in one hour of the week (UTC), and in all. */
export function activityIn(profile: Profile, hourOfWeek: number): number {
  const { activity = [] } = profile
  for (let i = 0; i < activity.length; i += 2) if (activity[i] === hourOfWeek) return activity[i + 1]!
  return 0
}

export function activityTotal({ activity = [] }: Profile): number {
  let total = 0
  for (let i = 1; i < activity.length; i += 2) total += activity[i]!
  return total
}

function addActivity(profile: Profile, hourOfWeek: number, count: number): void {
  profile.activity ??= []
  const { activity } = profile
  let i = 0
  while (i < activity.length && activity[i]! < hourOfWeek) i += 2
  if (activity[i] === hourOfWeek) activity[i + 1]! += count
  else activity.splice(i, 0, hourOfWeek, count)
}

import type { Wait } from '#contracts/cadence.ts'
import type { InstantMs } from '#contracts/clock.ts'
import { weekdays } from '#contracts/schedule.ts'
import { instantOfLocal, localParts } from '#platform/clock/local-time.ts'
import { minutesOf } from './schedule.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** When a wait that began at `since` is over, for a customer with a clock of `zone`. */
export function waitEnds(wait: Wait, since: InstantMs, zone: string): InstantMs {
  if ('hours' in wait) return since + Math.round(wait.hours * hourMs)
  if (!('untilLocal' in wait)) return since + Math.round(wait.days * dayMs)
  const minuteOfDay = minutesOf(wait.untilLocal)
  const start = localParts(since, zone)
  const isStillToCome = start.minuteOfDay < minuteOfDay
  let dayNumber = start.dayNumber + (wait.days ?? (isStillToCome ? 0 : 1))
  while (wait.weekdays !== undefined && !wait.weekdays.includes(weekdayOf(dayNumber))) dayNumber += 1
  return instantOfLocal({ dayNumber, minuteOfDay }, zone, since)
}

function weekdayOf(dayNumber: number): (typeof weekdays)[number] {
  return weekdays[new Date(dayNumber * dayMs).getUTCDay()]!
}

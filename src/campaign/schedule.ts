import type { InstantMs } from '#contracts/clock.ts'
import { type Schedule, weekdays } from '#contracts/schedule.ts'
import { instantOfLocal, localParts } from '#platform/clock/local-time.ts'

/** One time at which a schedule comes round. `id` is the same in every zone: `2026-11-30T09:00`. */
export interface Occurrence {
  id: string
  at: InstantMs
}

const dayMs = 86_400_000
/** Monthly on the 31st of February and the like never come: after this many days nobody looks further. */
const daysAheadMax = 366 * 8

/**
 * The first occurrence after `after`, by the clock of `zone`; null when there is none left. Where the clock
 * skips the time it is the instant of the change; of a time that comes twice it is the first.
 */
export function nextOccurrence(schedule: Schedule, zone: string, after: InstantMs): Occurrence | null {
  const minuteOfDay = minutesOf(schedule.at)
  const last = schedule.until === undefined ? Number.POSITIVE_INFINITY : dayNumberOf(schedule.until)
  // A change of the clock may show the day before once more.
  const from = localParts(after, zone).dayNumber - 1
  const days = 'once' in schedule.on ? [dayNumberOf(schedule.on.once)] : countFrom(from, daysAheadMax)
  for (const dayNumber of days) {
    if (dayNumber > last) return null
    if (!isOn(schedule, dayNumber)) continue
    const at = instantOfLocal({ dayNumber, minuteOfDay }, zone)
    if (at > after) return { id: occurrenceId(dayNumber, schedule.at), at }
  }
  return null
}

/** The last occurrence from `from` on that has come round by `now`. */
export function lastOccurrence(
  schedule: Schedule,
  zone: string,
  from: Occurrence,
  now: InstantMs,
): Occurrence {
  let last = from
  for (;;) {
    const next = nextOccurrence(schedule, zone, last.at)
    if (next === null || next.at > now) return last
    last = next
  }
}

/** Whether an occurrence of that name is one of the schedule's. */
export function hasOccurrence(schedule: Schedule, id: string): boolean {
  const [date = '', at] = id.split('T')
  const isOver = schedule.until !== undefined && date > schedule.until
  return at === schedule.at && !isOver && isOn(schedule, dayNumberOf(date))
}

function* countFrom(first: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield first + i
}

function isOn({ on }: Schedule, dayNumber: number): boolean {
  if ('once' in on) return dayNumber === dayNumberOf(on.once)
  if ('everyDays' in on) {
    const since = dayNumber - dayNumberOf(on.from)
    return since >= 0 && since % on.everyDays === 0
  }
  const date = new Date(dayNumber * dayMs)
  if ('weekly' in on) return on.weekly.includes(weekdays[date.getUTCDay()]!)
  const isLast = new Date((dayNumber + 1) * dayMs).getUTCDate() === 1
  return on.monthly.some((day) => (day === 'last' ? isLast : day === date.getUTCDate()))
}

function occurrenceId(dayNumber: number, at: string): string {
  return `${new Date(dayNumber * dayMs).toISOString().slice(0, 10)}T${at}`
}

/** `YYYY-MM-DD` to days since the epoch. */
function dayNumberOf(date: string): number {
  return Math.floor(Date.parse(`${date}T00:00:00Z`) / dayMs)
}

/** `HH:MM`, as the schema has checked. */
export function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))
}

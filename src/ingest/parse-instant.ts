import type { InstantMs } from '#contracts/clock.ts'

/**
 * Reads a client's time: ISO 8601 by hand (some ten times the speed of Date.parse), other forms that
 * name a year (RFC 2822, `Date.toString`) through Date.parse, a number as milliseconds. A time without
 * zone is UTC. Null when it cannot be read.
 */
export function parseInstant(value: unknown): InstantMs | null {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : null
  if (typeof value !== 'string' || value.length > 100) return null
  const iso = parseIso(value)
  return iso === undefined ? parseOther(value) : iso
}

/** Date.parse makes 2001-12-01 of "foo 12": only what begins like a date and names a year goes there. */
const otherForm =
  /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +)?(?:\d{1,2}[ -])?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[ ,-].*\b\d{4}\b/i
const namedZone = /(?:\b[A-Z]{3,4}|Z|[+-]\d{2}:?\d{2})\s*(?:\(.*\))?$/

function parseOther(value: string): InstantMs | null {
  if (!otherForm.test(value)) return null
  const instant = Date.parse(namedZone.test(value) ? value : `${value} UTC`)
  return Number.isNaN(instant) ? null : instant
}

/** Undefined: not in this form. Null: in this form, but no such time. */
function parseIso(text: string): InstantMs | null | undefined {
  const { length } = text
  if (length < 10 || text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH) return undefined
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 2)
  const day = digits(text, 8, 2)
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return null
  const date = daysSinceEpoch(year, month, day) * 86_400_000
  if (length === 10) return date
  const separator = text.charCodeAt(10)
  if ((separator !== UPPER_T && separator !== LOWER_T && separator !== SPACE) || length < 16) return null
  const hour = digits(text, 11, 2)
  const minute = digits(text, 14, 2)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || text.charCodeAt(13) !== COLON) return null
  let at = 16
  let second = 0
  let millisecond = 0
  if (text.charCodeAt(at) === COLON) {
    second = digits(text, at + 1, 2)
    // 60 is a leap second.
    if (second < 0 || second > 60) return null
    at += 3
    const point = text.charCodeAt(at)
    if (point === POINT || point === COMMA) {
      const start = at + 1
      at = start
      while (isDigit(text.charCodeAt(at))) at++
      if (at === start) return null
      for (let i = 0; i < 3; i++)
        millisecond = millisecond * 10 + (start + i < at ? text.charCodeAt(start + i) - ZERO : 0)
    }
  }
  const offset = zoneMinutes(text, at)
  if (offset === null) return null
  return date + ((hour * 60 + minute - offset) * 60 + second) * 1000 + millisecond
}

/** Minutes east of UTC of what stands at `at`: nothing, Z, ±hh, ±hhmm or ±hh:mm. */
function zoneMinutes(text: string, at: number): number | null {
  const rest = text.length - at
  if (rest === 0) return 0
  const sign = text.charCodeAt(at)
  if (sign === UPPER_Z || sign === LOWER_Z) return rest === 1 ? 0 : null
  if (sign === SPACE) return zoneMinutes(text, at + 1)
  if (sign !== PLUS && sign !== DASH) return null
  const hours = digits(text, at + 1, 2)
  const hasColon = text.charCodeAt(at + 3) === COLON
  const minutes = rest === 3 ? 0 : digits(text, at + (hasColon ? 4 : 3), 2)
  if (rest !== 3 && rest !== (hasColon ? 6 : 5)) return null
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return null
  return (sign === DASH ? -1 : 1) * (hours * 60 + minutes)
}

const ZERO = 48
const DASH = 45
const PLUS = 43
const POINT = 46
const COMMA = 44
const COLON = 58
const SPACE = 32
const UPPER_T = 84
const LOWER_T = 116
const UPPER_Z = 90
const LOWER_Z = 122

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** The number that `count` digits at `at` write, or -1. */
function digits(text: string, at: number, count: number): number {
  let value = 0
  for (let i = at; i < at + count; i++) {
    const code = text.charCodeAt(i)
    if (!isDigit(code)) return -1
    value = value * 10 + code - ZERO
  }
  return value
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Howard Hinnant's days_from_civil: the year begins in March, so that the leap day is its last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

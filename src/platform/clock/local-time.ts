import type { InstantMs } from '#contracts/clock.ts'

/** What a clock on the wall in some zone shows. */
export interface LocalMoment {
  /** Days since 1970-01-01 by the local calendar. */
  dayNumber: number
  /** 0 to 1439. */
  minuteOfDay: number
}

export interface LocalParts extends LocalMoment {
  year: number
  /** 1 to 12. */
  month: number
  /** 1 to 31. */
  day: number
  /** 0 is Sunday. */
  weekday: number
  /** 0 to 23. */
  hour: number
  minute: number
}

/** What the clock of an IANA zone shows at an instant. An unknown zone throws: `isZone` asks first. */
export function localParts(instant: InstantMs, zone: string): LocalParts {
  const local = instant + offsetMsAt(instant, zone)
  const dayNumber = Math.floor(local / dayMs)
  const minuteOfDay = Math.floor((local - dayNumber * dayMs) / 60_000)
  const date = new Date(local)
  return {
    dayNumber,
    minuteOfDay,
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    hour: Math.floor(minuteOfDay / 60),
    minute: minuteOfDay % 60,
  }
}

/** Day and minute alone, for hot paths. */
export function localMoment(instant: InstantMs, zone: string): LocalMoment {
  const local = instant + offsetMsAt(instant, zone)
  const dayNumber = Math.floor(local / dayMs)
  return { dayNumber, minuteOfDay: Math.floor((local - dayNumber * dayMs) / 60_000) }
}

/**
 * The first instant, from `notBefore` on, at which the local clock shows `moment` or later. So a moment that
 * a change of the clock skips is the instant of the change, and of a moment that comes twice it is the
 * first, or the second where `notBefore` lies between them.
 */
export function instantOfLocal(
  moment: LocalMoment,
  zone: string,
  notBefore: InstantMs = moment.dayNumber * dayMs + moment.minuteOfDay * 60_000 - dayMs,
): InstantMs {
  const target = moment.dayNumber * dayMs + moment.minuteOfDay * 60_000
  const offset = offsetMsAt(notBefore, zone)
  if (notBefore + offset >= target) return notBefore
  const unchanged = target - offset
  const offsetThen = offsetMsAt(unchanged, zone)
  if (offsetThen === offset) return unchanged
  return Math.max(firstChange(notBefore, unchanged, zone), target - offsetThen)
}

/** Whether the runtime knows this IANA zone. */
export function isZone(zone: string): boolean {
  if (zones.has(zone)) return true
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

const dayMs = 86_400_000
/**
 * Zones change their offset on a quarter of an hour of UTC. Of all changes that the tz database has from 2012
 * to 2037 only three do not (Casey in Antarctica, 16:01); those are seen 14 minutes late.
 */
const bucketMs = 900_000
/** About 600 names exist; spellings differ in case, and clients choose them. */
const zonesMax = 1000
/** 42 days of quarters of an hour. */
const offsetsPerZoneMax = 4096

interface ZoneOffsets {
  format: Intl.DateTimeFormat
  offsetByBucket: Map<number, number>
  lastBucket: number
  lastOffsetMs: number
}

/** Formatting takes microseconds, a look-up nanoseconds; the answers never change while the process runs. */
const zones = new Map<string, ZoneOffsets>()

/** Milliseconds by which the zone is ahead of UTC. */
function offsetMsAt(instant: InstantMs, zone: string): number {
  const offsets = zones.get(zone) ?? addZone(zone)
  const bucket = Math.floor(instant / bucketMs)
  if (bucket === offsets.lastBucket) return offsets.lastOffsetMs
  let offsetMs = offsets.offsetByBucket.get(bucket)
  if (offsetMs === undefined) {
    offsetMs = parseOffset(offsets.format.format(bucket * bucketMs))
    if (offsets.offsetByBucket.size >= offsetsPerZoneMax) offsets.offsetByBucket.clear()
    offsets.offsetByBucket.set(bucket, offsetMs)
  }
  offsets.lastBucket = bucket
  offsets.lastOffsetMs = offsetMs
  return offsetMs
}

function addZone(zone: string): ZoneOffsets {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const added = { format, offsetByBucket: new Map<number, number>(), lastBucket: Number.NaN, lastOffsetMs: 0 }
  if (zones.size >= zonesMax) zones.clear()
  zones.set(zone, added)
  return added
}

/** `11/21/2026, GMT+05:45`; plain `GMT` is UTC. */
function parseOffset(formatted: string): number {
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(formatted)
  if (match === null) throw new Error(`no offset in ${JSON.stringify(formatted)}`)
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = match
  const ahead = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
  return sign === '-' ? -ahead : ahead
}

/** When the offset stops being what it is at `from`; it is another one at `to`. */
function firstChange(from: InstantMs, to: InstantMs, zone: string): InstantMs {
  const before = offsetMsAt(from, zone)
  let same = Math.floor(from / bucketMs)
  let changed = Math.floor(to / bucketMs)
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2)
    if (offsetMsAt(middle * bucketMs, zone) === before) same = middle
    else changed = middle
  }
  return changed * bucketMs
}

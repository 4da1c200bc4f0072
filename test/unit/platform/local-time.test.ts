import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { instantOfLocal, isZone, localMoment, localParts } from '#platform/clock/local-time.ts'

/** What `TZ=<zone> date -d @…` of coreutils prints, and the tz database says. */
const known = [
  ['Asia/Kolkata', '2026-07-01T18:29:59Z', '2026-07-01 23:59 Wed'],
  ['Asia/Kolkata', '2026-07-01T18:30:00Z', '2026-07-02 00:00 Thu'],
  ['Asia/Kathmandu', '2026-01-01T18:15:00Z', '2026-01-02 00:00 Fri'],
  ['America/New_York', '2026-03-08T06:59:59Z', '2026-03-08 01:59 Sun'],
  ['America/New_York', '2026-03-08T07:00:00Z', '2026-03-08 03:00 Sun'],
  ['America/New_York', '2026-11-01T05:59:59Z', '2026-11-01 01:59 Sun'],
  ['America/New_York', '2026-11-01T06:00:00Z', '2026-11-01 01:00 Sun'],
  ['Australia/Lord_Howe', '2026-04-04T14:59:59Z', '2026-04-05 01:59 Sun'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z', '2026-04-05 01:30 Sun'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z', '2026-10-04 02:30 Sun'],
  ['America/Santiago', '2026-09-06T03:59:59Z', '2026-09-05 23:59 Sat'],
  ['America/Santiago', '2026-09-06T04:00:00Z', '2026-09-06 01:00 Sun'],
  ['America/Santiago', '2026-04-05T02:59:59Z', '2026-04-04 23:59 Sat'],
  ['America/Santiago', '2026-04-05T03:00:00Z', '2026-04-04 23:00 Sat'],
  ['Pacific/Apia', '2011-12-30T09:59:59Z', '2011-12-29 23:59 Thu'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z', '2011-12-31 00:00 Sat'],
  ['UTC', '1969-12-31T23:59:59Z', '1969-12-31 23:59 Wed'],
] as const

describe('what the local clock shows', () => {
  test.each(known)('%s at %s', (zone, instant, shown) => {
    const { year, month, day, hour, minute, weekday } = localParts(Date.parse(instant), zone)
    const two = (n: number): string => String(n).padStart(2, '0')
    const name = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][weekday]
    expect(`${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)} ${name}`).toBe(shown)
  })

  test('agrees with Intl at any instant of half a century', () => {
    const zone = fc.constantFrom(
      'Europe/Dublin',
      'Africa/Casablanca',
      'America/St_Johns',
      'Asia/Tehran',
      'Pacific/Chatham',
    )
    const instant = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2040, 0) })
    fc.assert(
      fc.property(zone, instant, (timeZone, at) => {
        const shown = new Intl.DateTimeFormat('sv-SE', {
          timeZone,
          dateStyle: 'short',
          timeStyle: 'short',
        }).format(at)
        const { dayNumber, minuteOfDay } = localMoment(at, timeZone)
        expect(dayNumber * 86_400_000 + minuteOfDay * 60_000).toBe(Date.parse(`${shown.replace(' ', 'T')}Z`))
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})

describe('the instant of a local moment', () => {
  const at = (local: string) => {
    const ms = Date.parse(`${local}Z`)
    return { dayNumber: Math.floor(ms / 86_400_000), minuteOfDay: (ms % 86_400_000) / 60_000 }
  }

  test.each([
    ['Asia/Kathmandu', '2026-01-02T00:00', '2026-01-01T18:15:00Z', 'plain'],
    ['America/New_York', '2026-03-08T02:30', '2026-03-08T07:00:00Z', 'skipped: the change itself'],
    ['America/New_York', '2026-03-08T03:00', '2026-03-08T07:00:00Z', 'right after the gap'],
    ['America/New_York', '2026-11-01T01:30', '2026-11-01T05:30:00Z', 'twice: the first'],
    ['America/New_York', '2026-11-01T02:00', '2026-11-01T07:00:00Z', 'after the repeated hour'],
    ['Australia/Lord_Howe', '2026-10-04T02:10', '2026-10-03T15:30:00Z', 'half an hour skipped'],
    ['America/Santiago', '2026-09-06T00:00', '2026-09-06T04:00:00Z', 'a day without midnight'],
    ['Pacific/Apia', '2011-12-30T12:00', '2011-12-30T10:00:00Z', 'a day that never was'],
  ])('%s %s is %s (%s)', (zone, local, instant) => {
    expect(new Date(instantOfLocal(at(local), zone)).toISOString()).toBe(new Date(instant).toISOString())
  })

  test('of a moment that comes twice, the second when asked between them', () => {
    const between = Date.parse('2026-11-01T06:10:00Z')
    expect(instantOfLocal(at('2026-11-01T01:30'), 'America/New_York', between)).toBe(
      Date.parse('2026-11-01T06:30:00Z'),
    )
  })
})

test('zones are the ones that the runtime knows', () => {
  expect(['Europe/Berlin', 'UTC', 'Nowhere/Land', ''].map(isZone)).toEqual([true, true, false, false])
})

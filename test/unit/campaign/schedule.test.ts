import { describe, expect, test } from 'vitest'
import { scheduleSchema } from '#contracts/schedule.ts'
import { nextOccurrence } from '../../../src/campaign/schedule.ts'
import { waitEnds } from '../../../src/campaign/wait.ts'

const schedule = (own: object) => scheduleSchema.parse({ at: '09:00', ...own })
const next = (own: object, zone: string, after: string): string | null => {
  const found = nextOccurrence(schedule(own), zone, Date.parse(after))
  return found === null ? null : `${found.id} ${new Date(found.at).toISOString()}`
}

/**
 * Offsets by the tz database: New York leaves daylight-saving time on 2026-11-01, Berlin enters it on 2026-03-29
 * and leaves it on 2026-10-25, Lord Howe (half an hour) enters it on 2026-10-04, Kathmandu (+05:45) and Phoenix
 * (−07:00) never do.
 */
describe('09:00 local over a night on which clocks change', () => {
  test.each([
    ['America/New_York', '2026-10-31T12:00:00Z', '2026-10-31T09:00 2026-10-31T13:00:00.000Z'],
    ['America/New_York', '2026-10-31T13:00:00Z', '2026-11-01T09:00 2026-11-01T14:00:00.000Z'],
    ['America/Phoenix', '2026-10-31T17:00:00Z', '2026-11-01T09:00 2026-11-01T16:00:00.000Z'],
    ['Asia/Kathmandu', '2026-10-31T17:00:00Z', '2026-11-01T09:00 2026-11-01T03:15:00.000Z'],
    ['Europe/Berlin', '2026-03-28T08:00:00Z', '2026-03-29T09:00 2026-03-29T07:00:00.000Z'],
    ['Europe/Berlin', '2026-10-24T07:00:00Z', '2026-10-25T09:00 2026-10-25T08:00:00.000Z'],
    ['Australia/Lord_Howe', '2026-10-02T22:30:00Z', '2026-10-04T09:00 2026-10-03T22:00:00.000Z'],
  ])('%s after %s: %s', (zone, after, expected) => {
    expect(next({ on: { everyDays: 1, from: '2026-01-01' } }, zone, after)).toBe(expected)
  })

  test('a time that the clock skips is the moment of the change, one that comes twice is the first', () => {
    const daily = { on: { everyDays: 1, from: '2026-01-01' }, at: '02:30' }
    // 02:00 → 03:00 in New York on 8 March, 02:00 ← 03:00 in Berlin on 25 October.
    expect(next(daily, 'America/New_York', '2026-03-08T00:00:00Z')).toBe(
      '2026-03-08T02:30 2026-03-08T07:00:00.000Z',
    )
    expect(next(daily, 'Europe/Berlin', '2026-10-24T12:00:00Z')).toBe(
      '2026-10-25T02:30 2026-10-25T00:30:00.000Z',
    )
    // The second 02:30 is none of its own.
    expect(next(daily, 'Europe/Berlin', '2026-10-25T00:30:00Z')).toBe(
      '2026-10-26T02:30 2026-10-26T01:30:00.000Z',
    )
  })
})

test.each([
  [{ on: { once: '2026-12-01' } }, '2026-11-21T00:00:00Z', '2026-12-01T09:00 2026-12-01T09:00:00.000Z'],
  [{ on: { once: '2026-12-01' } }, '2026-12-01T09:00:00Z', null],
  [
    { on: { everyDays: 3, from: '2026-11-20' } },
    '2026-11-20T09:00:00Z',
    '2026-11-23T09:00 2026-11-23T09:00:00.000Z',
  ],
  [
    { on: { everyDays: 3, from: '2026-11-20' } },
    '2026-11-01T00:00:00Z',
    '2026-11-20T09:00 2026-11-20T09:00:00.000Z',
  ],
  // 21 November 2026 is a Saturday.
  [{ on: { weekly: ['mon', 'thu'] } }, '2026-11-21T00:00:00Z', '2026-11-23T09:00 2026-11-23T09:00:00.000Z'],
  [{ on: { weekly: ['mon', 'thu'] } }, '2026-11-23T09:00:00Z', '2026-11-26T09:00 2026-11-26T09:00:00.000Z'],
  [{ on: { monthly: [31] } }, '2026-11-01T00:00:00Z', '2026-12-31T09:00 2026-12-31T09:00:00.000Z'],
  [{ on: { monthly: ['last'] } }, '2027-02-01T00:00:00Z', '2027-02-28T09:00 2027-02-28T09:00:00.000Z'],
  [{ on: { monthly: [1, 15] } }, '2026-11-02T00:00:00Z', '2026-11-15T09:00 2026-11-15T09:00:00.000Z'],
  [{ on: { weekly: ['sat'] }, until: '2026-11-27' }, '2026-11-21T09:00:00Z', null],
])('%j after %s: %s', (own, after, expected) => {
  expect(next(own, 'UTC', after)).toBe(expected)
})

describe('waits', () => {
  const ends = (wait: Parameters<typeof waitEnds>[0], since: string, zone: string): string =>
    new Date(waitEnds(wait, Date.parse(since), zone)).toISOString()

  test.each([
    [{ hours: 1.5 }, '2026-11-01T00:00:00Z', 'UTC', '2026-11-01T01:30:00.000Z'],
    // Days of 24 hours, also over the night on which New York has 25.
    [{ days: 1 }, '2026-10-31T13:00:00Z', 'America/New_York', '2026-11-01T13:00:00.000Z'],
    [
      { untilLocal: '09:00', days: 1 },
      '2026-10-31T13:00:00Z',
      'America/New_York',
      '2026-11-01T14:00:00.000Z',
    ],
    [{ untilLocal: '09:00' }, '2026-11-02T13:00:00Z', 'America/New_York', '2026-11-02T14:00:00.000Z'],
    [{ untilLocal: '09:00' }, '2026-11-02T14:00:00Z', 'America/New_York', '2026-11-03T14:00:00.000Z'],
    // Friday evening in Kathmandu: Monday morning.
    [
      { untilLocal: '08:00', weekdays: ['mon' as const, 'tue' as const] },
      '2026-11-20T14:00:00Z',
      'Asia/Kathmandu',
      '2026-11-23T02:15:00.000Z',
    ],
  ])('%j from %s in %s: %s', (wait, since, zone, expected) => {
    expect(ends(wait, since, zone)).toBe(expected)
  })
})

import { expect, test } from 'vitest'
import { countFull, countOverruns, countTooNear, type Received } from './count-caps.ts'

const got = (at: string, channel = 'email', zone = 'Asia/Kolkata'): Received => ({
  customer: 'ada',
  channel,
  at: Date.parse(at),
  zone,
})

test('one more than the window holds is an overrun, at its edge it is none', () => {
  const window = { sendsMax: 2, hours: 8 }
  const two = [got('2026-03-02T00:00:00Z'), got('2026-03-02T03:00:00Z')]
  expect(countOverruns([...two, got('2026-03-02T07:59:59Z')], window, 0)).toHaveLength(1)
  expect(countOverruns([...two, got('2026-03-02T08:00:00Z')], window, 0)).toEqual([])
  expect(countOverruns([...two, got('2026-03-02T07:59:00Z')], window, 120_000)).toEqual([])
  expect(countFull(two, window, 0)).toBe(1)
  expect(
    countOverruns([...two, got('2026-03-02T04:00:00Z', 'in-app')], { ...window, channel: 'email' }, 0),
  ).toEqual([])
})

test('days are those of the customer’s zone', () => {
  const window = { sendsMax: 1, localDays: 1 }
  // Midnight in Kolkata is 18:30 UTC.
  const first = got('2026-03-02T18:30:00Z')
  expect(countOverruns([first, got('2026-03-03T18:29:59Z')], window, 0)).toHaveLength(1)
  expect(countOverruns([first, got('2026-03-03T18:30:00Z')], window, 0)).toEqual([])
  expect(countOverruns([got('2026-03-02T18:29:59Z'), first], window, 0)).toEqual([])
  // Received a minute after midnight, perhaps sent before: says nothing.
  expect(countOverruns([first, got('2026-03-02T18:31:00Z')], window, 120_000)).toEqual([])
  expect(countOverruns([first, got('2026-03-04T18:29:59Z')], { sendsMax: 1, localDays: 2 }, 0)).toHaveLength(
    1,
  )
})

test('two sends nearer than the gap', () => {
  const sends = [got('2026-03-02T00:00:00Z'), got('2026-03-02T01:00:00Z'), got('2026-03-02T01:59:59Z')]
  expect(countTooNear(sends, 3_600_000)).toHaveLength(1)
})

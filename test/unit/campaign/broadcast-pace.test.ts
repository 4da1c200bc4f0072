import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allowance, expectedEnd } from '../../../src/campaign/broadcast-pace.ts'

const minute = 60_000
const start = Date.UTC(2026, 5, 2, 12)
const run = {
  customers: 1000,
  looked: 0,
  audience: 0,
  starts_at: start,
  pace_from: start,
  pace_looked: 0,
  pace_taken: 0,
}

test('however often it is asked, the pace gives as many as the time that has passed', () => {
  const waits = fc.array(fc.integer({ min: 1, max: minute }), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), waits, (perMinute, gaps) => {
      let own = { ...run }
      let now = start
      const taken: [at: number, count: number][] = []
      for (const gap of gaps) {
        now += gap
        const { takes, from } = allowance(own, { perMinute }, now)
        taken.push([now, takes])
        own = { ...own, pace_from: from.at, pace_taken: from.taken + takes }
      }
      const all = taken.reduce((sum, [, count]) => sum + count, 0)
      expect(all).toBe(Math.floor((perMinute * (now - start)) / minute))
    }),
  )
})

test('after an absence a minute is made up for', () => {
  const { takes, from } = allowance(run, { perMinute: 30 }, start + 60 * minute)
  expect([takes, from]).toEqual([30, { at: start + 59 * minute, looked: 0, taken: 0 }])
})

test('until an instant: in step with the time, and without a limit from then on', () => {
  const pace = { until: new Date(start + 10 * minute).toISOString() }
  expect(allowance(run, pace, start + minute).looks).toBe(100)
  expect(allowance({ ...run, looked: 250 }, pace, start + 2 * minute).looks).toBe(0)
  const later = { ...run, looked: 400, pace_looked: 400, pace_from: start + 8 * minute }
  expect(allowance(later, pace, start + 9 * minute).looks).toBe(300)
  expect(allowance(run, pace, start + 10 * minute).looks).toBe(Number.MAX_SAFE_INTEGER)
  expect(allowance({ ...run, starts_at: start + minute }, pace, start).looks).toBe(0)
})

test('the end is expected by the pace, or by the speed so far', () => {
  const half = { ...run, looked: 500, audience: 250 }
  // 250 of the 500 that are left.
  expect(expectedEnd(half, { perMinute: 50 }, start + minute)).toBe(start + 6 * minute)
  expect(expectedEnd(half, undefined, start + minute)).toBe(start + 2 * minute)
  expect(expectedEnd(run, undefined, start + minute)).toBeNull()
  expect(expectedEnd({ ...run, looked: 1000 }, undefined, start + minute)).toBe(start + minute)
})

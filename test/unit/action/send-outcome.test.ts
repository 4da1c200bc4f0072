import { expect, test } from 'vitest'
import type { SendResult } from '#contracts/message.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { outcomeOf } from '../../../src/action/send-outcome.ts'

const message = { expires_at: 1e12 }
const busy: SendResult = { kind: 'transient', reason: 'busy' }
const always = (value: number) => ({ next: () => value })

// 30 s doubled each time, at most 30 min: 30, 60, 120, 240, 480, 960, 1800 s.
test.each([
  [1, 30],
  [2, 60],
  [3, 120],
  [4, 240],
  [5, 480],
  [6, 960],
  [7, 1800],
])('after %i transient results the wait is at most %i s', (tries, seconds) => {
  expect(outcomeOf(message, busy, tries, 0, always(1)).dueAt).toBe(seconds * 1000)
  expect(outcomeOf(message, busy, tries, 0, always(0.5)).dueAt).toBe(seconds * 500)
})

test('full jitter: uniform over the whole span', () => {
  const random = createSeededRandom(1)
  const waits = Array.from({ length: 2000 }, () => outcomeOf(message, busy, 4, 0, random).dueAt!)
  const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length
  expect(mean).toBeGreaterThan(114_000)
  expect(mean).toBeLessThan(126_000)
  expect(Math.min(...waits)).toBeLessThan(2000)
})

test('what the provider asks for is honoured', () => {
  expect(outcomeOf(message, { ...busy, retryAfterMs: 90_000 }, 1, 0, always(0)).dueAt).toBe(90_000)
  expect(outcomeOf(message, { kind: 'throttled', retryAfterMs: 7000 }, 99, 0, always(0))).toEqual({
    state: 'queued',
    reason: 'throttled',
    dueAt: 7000,
  })
})

test('the eighth transient result is the last', () => {
  expect(outcomeOf(message, busy, 7, 0, always(0)).state).toBe('queued')
  expect(outcomeOf(message, busy, 8, 0, always(0))).toEqual({
    state: 'failed',
    reason: 'retries_exhausted: busy',
  })
})

test('a wait ends with the message’s life', () => {
  expect(outcomeOf({ expires_at: 5000 }, busy, 7, 0, always(1)).dueAt).toBe(5001)
})

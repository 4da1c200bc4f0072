import { expect, test } from 'vitest'
import type { SendResult } from '#contracts/message.ts'
import { createBreaker } from '../../../../src/action/dispatch/breaker.ts'

const down: SendResult = { kind: 'transient', reason: 'http_503' }
const sent: SendResult = { kind: 'sent', providerMessageId: '1' }
const always = { next: () => 1 }

test('opens at the fifth failure in a row, and lets one call through when its time has passed', () => {
  const breaker = createBreaker(always)
  for (let i = 0; i < 4; i++) breaker.end(down, 0)
  breaker.end(sent, 0)
  for (let i = 0; i < 4; i++) breaker.end({ kind: 'unknown', reason: 'timeout' }, 0)
  expect(breaker.state(0)).toBe('closed')
  breaker.end(down, 0)
  expect(breaker).toMatchObject({ reason: 'http_503', openUntil: 5000 })
  expect([breaker.state(4999), breaker.waitMs(4999)]).toEqual(['open', 1])
  expect([breaker.state(5000), breaker.waitMs(5000)]).toEqual(['half-open', 0])
  breaker.begin()
  expect(breaker.waitMs(5000)).toBeGreaterThan(0)
  breaker.end(down, 6000)
  // Twice as long, and again, up to five minutes.
  expect(breaker.waitMs(6000)).toBe(10_000)
  breaker.begin()
  breaker.end(sent, 16_000)
  expect([breaker.state(16_000), breaker.waitMs(16_000), breaker.reason]).toEqual(['closed', 0, ''])
})

test('an account that is refused opens it at once', () => {
  const breaker = createBreaker(always)
  breaker.end({ kind: 'transient', reason: 'http_401', ofProvider: true }, 0)
  expect(breaker.state(0)).toBe('open')
})

test('refused messages and being asked to wait say nothing against a provider', () => {
  const breaker = createBreaker(always)
  for (let i = 0; i < 20; i++) {
    breaker.end({ kind: 'permanent', reason: 'no such mailbox', suppress: true }, 0)
    breaker.end({ kind: 'throttled', retryAfterMs: 1000 }, 0)
  }
  expect(breaker.state(0)).toBe('closed')
})

test('calls that were under way when it opened do not open it again, and a call not made frees the one place', () => {
  const breaker = createBreaker(always)
  for (let i = 0; i < 30; i++) breaker.end(down, 0)
  expect(breaker.openUntil).toBe(5000)
  breaker.begin()
  breaker.end(null, 5000)
  expect(breaker.waitMs(5000)).toBe(0)
})

import { expect, test } from 'vitest'
import type { Rate, TakeResult } from '#contracts/rate-limit.ts'
import { type Admission, createPace } from '../../../../src/action/dispatch/pace.ts'
import { handClock, provider } from './support.ts'

const at = (domain: string) => `ann@${domain}`

/** Calls that take no time. */
function call(admission: Admission): 'called' | number {
  if (admission.kind === 'wait') return admission.waitMs
  admission.over()
  return 'called'
}

test('who finds no place is told when, one behind the other; who is new stands behind them', () => {
  const clock = handClock()
  const pace = createPace({ wallClock: clock })
  const ses = provider('ses', { callsPerSecondMax: 2 })
  expect(call(pace.admit(ses, at('a.example'), false))).toBe('called')
  expect(call(pace.admit(ses, at('a.example'), false))).toBe('called')
  expect([1, 2, 3].map(() => call(pace.admit(ses, at('a.example'), false)))).toEqual([1001, 1502, 2002])
  clock.pass(1001)
  // Both places are free again, and belong to those who wait.
  expect(call(pace.admit(ses, at('a.example'), false))).toBe(1502)
  expect(call(pace.admit(ses, at('a.example'), true))).toBe('called')
  clock.pass(501)
  expect(call(pace.admit(ses, at('a.example'), true))).toBe('called')
})

test('a domain has a rate of its own, the others one each; the longer wait counts and is named', () => {
  const clock = handClock()
  const pace = createPace({ wallClock: clock })
  const ses = provider('ses', { callsPerSecondMax: 100, domainCallsPerSecondMax: { 'gmail.com': 1, '*': 3 } })
  expect(call(pace.admit(ses, at('Gmail.com'), false))).toBe('called')
  expect(pace.admit(ses, at('gmail.com'), false)).toEqual({
    kind: 'wait',
    waitMs: 1001,
    line: 'ses gmail.com',
  })
  for (let i = 0; i < 3; i++) expect(call(pace.admit(ses, at('a.example'), false))).toBe('called')
  expect(call(pace.admit(ses, at('a.example'), false))).toBeGreaterThan(0)
  expect(call(pace.admit(ses, at('b.example'), false))).toBe('called')
  // A phone number has no domain.
  expect(call(pace.admit(ses, '+4915112345678', false))).toBe('called')
})

test('a provider that asks to be left alone is, or one domain of it', () => {
  const clock = handClock()
  const pace = createPace({ wallClock: clock })
  const smtp = provider('smtp')
  pace.pause(smtp, 60_000, at('slow.example'))
  expect(call(pace.admit(smtp, at('slow.example'), false))).toBe(60_000)
  expect(call(pace.admit(smtp, at('fast.example'), false))).toBe('called')
  pace.pause(smtp, 5000)
  expect(pace.pausedMs(smtp)).toBe(5000)
  expect(call(pace.admit(smtp, at('fast.example'), true))).toBe(5000)
  clock.pass(5000)
  expect(call(pace.admit(smtp, at('fast.example'), true))).toBe('called')
})

test('after a start who is new stands behind those that wait in the ledger', () => {
  const pace = createPace({ wallClock: handClock() })
  pace.restore(new Map([['ses', 30_000]]))
  const ses = provider('ses', { callsPerSecondMax: 10 })
  expect(call(pace.admit(ses, at('a.example'), false))).toBe(30_000)
  expect(call(pace.admit(ses, at('a.example'), true))).toBe('called')
  pace.restore(new Map())
  expect(call(pace.admit(ses, at('a.example'), false))).toBe('called')
})

test('where senders share a bucket no call is made without one of its tokens', async () => {
  const clock = handClock()
  const asked: [Rate, number][] = []
  let answer: TakeResult = { kind: 'granted', afterMs: 0 }
  const bucket = {
    async take(rate: Rate, count: number): Promise<TakeResult> {
      asked.push([rate, count])
      return answer
    },
  }
  const pace = createPace({ wallClock: clock, bucket })
  const ses = provider('ses', { callsPerSecondMax: 50 })
  // Nothing was fetched before the first message came.
  expect(call(pace.admit(ses, at('a.example'), false))).toBe(50)
  await pace.prepare()
  // In any second at most 5 + 45: the rate.
  expect(asked).toEqual([[{ name: 'ses', perSecond: 45, burst: 5 }, 2]])
  expect(call(pace.admit(ses, at('a.example'), true))).toBe('called')
  expect(call(pace.admit(ses, at('a.example'), true))).toBe('called')
  expect(call(pace.admit(ses, at('a.example'), true))).not.toBe('called')
  await pace.prepare()
  clock.pass(201)
  // Too old: used now it would add to those of its second.
  expect(call(pace.admit(ses, at('a.example'), true))).not.toBe('called')
  answer = { kind: 'wait', retryAfterMs: 700 }
  await pace.prepare()
  await pace.prepare()
  expect(call(pace.admit(ses, at('a.example'), true))).toBeGreaterThanOrEqual(700)
})

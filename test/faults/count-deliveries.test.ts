import { describe, expect, it } from 'vitest'
import { countDeliveries, type DeliveryCounts, type Evidence } from './providers/count-deliveries.ts'

/** Two messages: one sent at the second provider, one that nobody knows about. */
function world(): Evidence {
  const step = (message_id: string, sequence: number, state: string) => ({
    message_id,
    sequence,
    state,
    at: sequence,
  })
  const attempt = (message_id: string, number: number, provider: string, result: string) => ({
    message_id,
    attempt: number,
    provider,
    result,
    started_at: number * 10,
    ended_at: number * 10 + 5,
  })
  const call = { to: 'ann@slow.example', effect: 'taken' as const, what: 'taken' }
  return {
    messages: [
      { message_id: 'm1', state: 'sent', reason: '' },
      { message_id: 'm2', state: 'unknown', reason: 'timeout' },
    ],
    transitions: [
      ...['queued', 'sending', 'queued', 'sending', 'sent'].map((state, i) => step('m1', i + 1, state)),
      ...['queued', 'sending', 'unknown'].map((state, i) => step('m2', i + 1, state)),
    ],
    attempts: [
      attempt('m1', 1, 'smtp', 'transient'),
      attempt('m1', 2, 'http-keyed', 'sent'),
      attempt('m2', 1, 'http-plain', 'unknown'),
    ],
    calls: [
      { provider: 'smtp', at: 0, messageId: 'm1', ...call, effect: 'refused', what: '500' },
      { provider: 'http-keyed', at: 100, messageId: 'm1', ...call },
      { provider: 'http-plain', at: 200, messageId: 'm2', ...call },
    ],
    expected: 2,
    rates: { smtp: 1, 'http-keyed': 1, 'http-plain': 2 },
    domainRates: { 'slow.example': 1 },
    bounced: new Map(),
  }
}

const countsOf = (change: (evidence: Evidence) => void) => {
  const evidence = world()
  change(evidence)
  return countDeliveries(evidence).counts
}

describe('the count at the providers', () => {
  it('finds nothing where all is well', () => {
    expect(countsOf(() => {})).toEqual({
      messages: 2,
      delivered: 2,
      duplicated: 0,
      lost: 0,
      unrecorded: 0,
      explained: 0,
      unknown: 1,
      ledger_out_of_order: 0,
      over_rate: 0,
      after_bounce: 0,
      failed_over: 1,
    })
  })

  const cases: [string, keyof DeliveryCounts, (own: Evidence) => void][] = [
    [
      'delivered by two providers',
      'duplicated',
      ({ calls }) => calls.push({ ...calls[1]!, provider: 'smtp', at: 5000 }),
    ],
    ['sent, and nobody took it', 'lost', ({ calls }) => calls.splice(1, 1)],
    ['still queued', 'lost', ({ messages }) => Object.assign(messages[1]!, { state: 'queued' })],
    ['unknown without a reason', 'lost', ({ messages }) => Object.assign(messages[1]!, { reason: '' })],
    ['a message that is missing', 'lost', (own) => Object.assign(own, { expected: 3 })],
    [
      'delivered, and failed in the ledger',
      'unrecorded',
      (own) => Object.assign(own.messages[1]!, { state: 'failed' }),
    ],
    ['a move that there is not', 'ledger_out_of_order', ({ transitions }) => transitions.splice(3, 1)],
    ['back in time', 'ledger_out_of_order', ({ transitions }) => Object.assign(transitions[1]!, { at: 0 })],
    [
      'tried again after nobody knew',
      'ledger_out_of_order',
      ({ attempts }) => Object.assign(attempts[0]!, { result: 'unknown' }),
    ],
    [
      'two calls in a second',
      'over_rate',
      ({ calls }) => calls.push({ ...calls[1]!, effect: 'repeated', at: 1099, to: 'b@c.example' }),
    ],
    [
      'two calls for a domain',
      'over_rate',
      ({ calls }) => calls.push({ ...calls[2]!, effect: 'repeated', at: 1199 }),
    ],
    [
      'a call after the bounce',
      'after_bounce',
      ({ bounced }) => bounced.set('ann@slow.example', { callsBefore: 2 }),
    ],
  ]
  it.each(cases)('finds %s', (_, count, change) => {
    expect(countsOf(change)[count]).toBeGreaterThan(0)
  })

  it('a second that has passed is over', () => {
    const more = { effect: 'repeated' as const, at: 1100 }
    expect(countsOf((own) => void own.calls.push({ ...own.calls[1]!, ...more })).over_rate).toBe(0)
  })
})

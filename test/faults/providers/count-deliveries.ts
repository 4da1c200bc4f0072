import type { Row } from '../harness/store-rows.ts'
import type { Call, ProviderName } from './sinks-child.ts'

export interface Evidence {
  /** Rows of the store. */
  messages: Row[]
  transitions: Row[]
  attempts: Row[]
  /** As the providers noticed them. */
  calls: Call[]
  /** How many messages there must be. */
  expected: number
  rates: Record<ProviderName, number>
  domainRates: Record<string, number>
  /** Addresses that bounced, with the number of calls noticed when their suppression was acknowledged. */
  bounced: Map<string, { callsBefore: number }>
}

export interface DeliveryCounts {
  messages: number
  delivered: number
  /** Taken by the providers more than once. */
  duplicated: number
  /** Without an end, or `sent` and nobody took it. */
  lost: number
  /** Taken, and the ledger says that it was not. */
  unrecorded: number
  /** Not delivered, with a reason. */
  explained: number
  unknown: number
  /** Messages whose history makes a move that there is not, or goes back in time. */
  ledger_out_of_order: number
  /** Stretches of a second in which a provider, or a domain of it, got more calls than its rate. */
  over_rate: number
  /** Calls to an address after its bounce had suppressed it. */
  after_bounce: number
  failed_over: number
}

const moves: Record<string, string[]> = {
  '': ['queued'],
  queued: ['queued', 'sending', 'lapsed'],
  sending: ['queued', 'sent', 'failed', 'unknown'],
  unknown: ['sent', 'failed'],
  failed: ['queued'],
  sent: [],
  lapsed: [],
}

/** Counts from outside: what the providers noticed against the ledger's plain rows, none of it through the engine. */
export function countDeliveries(evidence: Evidence): { counts: DeliveryCounts; findings: string[] } {
  const findings: string[] = []
  const find = (kind: string, items: Iterable<string>): number => {
    let count = 0
    for (const item of items) if (++count <= 20) findings.push(`${kind}: ${item}`)
    return count
  }
  const { messages, calls } = evidence
  const taken = new Map<string, number>()
  for (const { messageId, effect } of calls) {
    if (effect === 'taken') taken.set(messageId, (taken.get(messageId) ?? 0) + 1)
  }
  const missing = Math.max(0, evidence.expected - messages.length)
  const attemptsOf = Map.groupBy(evidence.attempts, (row) => String(row.message_id))
  return {
    counts: {
      messages: messages.length,
      delivered: messages.filter((row) => taken.has(String(row.message_id))).length,
      duplicated: find('delivered twice', twice(taken)),
      lost: missing + find('lost', lost(messages, taken)),
      unrecorded: find('delivered and not recorded', unrecorded(messages, taken)),
      explained: messages.filter((row) => !taken.has(String(row.message_id)) && row.reason !== '').length,
      unknown: messages.filter((row) => row.state === 'unknown').length,
      ledger_out_of_order: find('ledger', outOfOrder(evidence, attemptsOf)),
      over_rate: find('over its rate', overRate(evidence)),
      after_bounce: find('after its bounce', afterBounce(evidence)),
      failed_over: [...attemptsOf.values()].filter((own) => new Set(own.map((row) => row.provider)).size > 1)
        .length,
    },
    findings,
  }
}

function* twice(taken: Map<string, number>): Iterable<string> {
  for (const [messageId, times] of taken) if (times > 1) yield `${messageId} ${times} times`
}

function* lost(messages: Row[], taken: Map<string, number>): Iterable<string> {
  for (const { message_id: id, state, reason } of messages) {
    if (['queued', 'sending'].includes(String(state))) yield `${id} is ${state} (${reason})`
    if (state === 'sent' && !taken.has(String(id))) yield `${id} is sent, and nobody took it`
    if (state !== 'sent' && reason === '') yield `${id} is ${state} without a reason`
  }
}

function* unrecorded(messages: Row[], taken: Map<string, number>): Iterable<string> {
  const states = new Map(messages.map((row) => [String(row.message_id), String(row.state)]))
  for (const messageId of taken.keys()) {
    const state = states.get(messageId)
    if (state !== 'sent' && state !== 'unknown') yield `${messageId} is ${state ?? 'unheard of'}`
  }
}

function* outOfOrder({ messages, transitions }: Evidence, attemptsOf: Map<string, Row[]>): Iterable<string> {
  const histories = Map.groupBy(transitions, (row) => String(row.message_id))
  for (const message of messages) {
    const id = String(message.message_id)
    const history = (histories.get(id) ?? []).toSorted((a, b) => Number(a.sequence) - Number(b.sequence))
    const attempts = (attemptsOf.get(id) ?? []).toSorted((a, b) => Number(a.attempt) - Number(b.attempt))
    let state = ''
    let at = 0
    for (const [index, row] of history.entries()) {
      if (!moves[state]?.includes(String(row.state))) yield `${id} went from ${state} to ${row.state}`
      if (Number(row.sequence) !== index + 1) yield `${id} lacks step ${index + 1}`
      if (Number(row.at) < at) yield `${id} goes back in time at step ${index + 1}`
      state = String(row.state)
      at = Number(row.at)
    }
    if (state !== message.state) yield `${id} is ${message.state}, and its history ends with ${state}`
    const claims = history.filter((row) => row.state === 'sending').length
    if (claims !== attempts.length)
      yield `${id} was claimed ${claims} times and tried ${attempts.length} times`
    for (const [index, row] of attempts.entries()) {
      const next = attempts[index + 1]
      if (row.ended_at === null || Number(row.ended_at) < Number(row.started_at))
        yield `${id} has an attempt without end`
      if (next !== undefined && Number(next.started_at) < Number(row.ended_at))
        yield `${id} was tried twice at once`
      if (next !== undefined && !['transient', 'throttled'].includes(String(row.result))) {
        yield `${id} was tried again after ${row.result}`
      }
    }
  }
}

const secondMs = 1000

function* overRate({ calls, rates, domainRates }: Evidence): Iterable<string> {
  for (const [provider, own] of Map.groupBy(calls, (call) => call.provider)) {
    yield* overIn(provider, own, rates[provider])
    for (const [domain, perSecond] of Object.entries(domainRates)) {
      yield* overIn(
        `${provider} ${domain}`,
        own.filter(({ to }) => to.endsWith(`@${domain}`)),
        perSecond,
      )
    }
  }
}

/** Every stretch of a second that begins with a call. */
function* overIn(name: string, calls: Call[], perSecond: number): Iterable<string> {
  const at = calls.map((call) => call.at).sort((a, b) => a - b)
  let last = 0
  for (let first = 0; first < at.length; first++) {
    while (last < at.length && at[last]! < at[first]! + secondMs) last++
    if (last - first > perSecond) yield `${name}: ${last - first} calls from ${Math.round(at[first]!)} ms on`
  }
}

function* afterBounce({ calls, bounced }: Evidence): Iterable<string> {
  for (const [index, { to, effect }] of calls.entries()) {
    const known = bounced.get(to)
    if (known !== undefined && effect === 'taken' && index >= known.callsBefore) yield to
  }
}

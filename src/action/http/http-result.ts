import type { IncomingHttpHeaders } from 'node:http'
import type { InstantMs } from '#contracts/clock.ts'
import type { SendResult } from '#contracts/message.ts'
import { type HttpOutcome, privateHost } from './http-client.ts'
import { retryAfterMs } from './retry-after.ts'

/** How long to leave a server alone that says "too many" and not for how long. */
const throttledMs = 60_000
const detailCharactersMax = 160

/** A provider's answer, with its body read as JSON where it is. */
export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
  json: Record<string, unknown>
  /** The wall clock's. */
  now: InstantMs
}

/** The answer of a call, or the result where none came or not all of it. */
export function answerOf(outcome: HttpOutcome, now: InstantMs): Answer | SendResult {
  if (outcome.kind === 'failed') {
    if (outcome.reason.startsWith(privateHost)) {
      return { kind: 'permanent', reason: shortOf(outcome.reason), suppress: false }
    }
    return outcome.written
      ? { kind: 'unknown', reason: `http_no_answer: ${shortOf(outcome.reason)}` }
      : { kind: 'transient', reason: `http_unreachable: ${shortOf(outcome.reason)}` }
  }
  const { status, headers, body, whole } = outcome
  // A refusal is one whatever became of its text; of a success we would not know what it is called there.
  if (!whole && status < 300) return { kind: 'unknown', reason: `http_${status}: the answer was cut off` }
  return { status, headers, body, json: objectOf(body), now }
}

/**
 * What a status says that the vendor's own codes have not: 408, 425 and 5xx pass, 429 is the rate, 401 and 403
 * are about our account and pass when somebody mends it; the other 4xx are about the message.
 */
export function resultOfStatus(answer: Answer, vendor: string, detail: string): SendResult {
  const { status } = answer
  const reason = `${vendor}_${status}: ${shortOf(detail)}`
  const retryMs = retryAfterMs(answer.headers, answer.now)
  const wait = retryMs === undefined ? {} : { retryAfterMs: retryMs }
  if (status === 429) return throttled(answer)
  if (status >= 500 || status === 408 || status === 425) return { kind: 'transient', reason, ...wait }
  // The account, or the API's address, is for us to mend; a redirect is never followed with our key.
  if ([401, 402, 403, 404, 405].includes(status) || status < 400) {
    return { kind: 'transient', reason, ...wait, ofProvider: true }
  }
  return { kind: 'permanent', reason, suppress: false }
}

export function throttled({ headers, now }: Answer, defaultMs = throttledMs): SendResult {
  return { kind: 'throttled', retryAfterMs: retryAfterMs(headers, now) ?? defaultMs }
}

/** One line, cut. */
export function shortOf(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, detailCharactersMax)
}

/** A field of an answer as text. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function objectOf(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {}
  } catch {
    return {}
  }
}

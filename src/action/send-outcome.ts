import type { InstantMs } from '#contracts/clock.ts'
import type { MessageState, SendResult } from '#contracts/message.ts'
import type { Random } from '#contracts/random.ts'

/** After so many transient results of one provider a message has failed. Being throttled does not count: that is waiting. */
const transientTriesMax = 8
const backoffFirstMs = 30_000
const backoffMostMs = 30 * 60_000
/** Even a jitter near 0 leaves the provider a moment. */
const backoffLeastMs = 1000
const reasonCharactersMax = 200

export interface SendOutcome {
  state: MessageState
  reason: string
  /** When queued again: not before. */
  dueAt?: InstantMs
}

/**
 * What a provider's answer makes of a message; `transientTries` is the number of its transient
 * results from this provider, this one included. Where another provider can take it now (`elsewhere`) it is due at once; otherwise it waits
 * with exponential back-off and full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015): uniform
 * in 0 … min(30 min, 30 s · 2^(n−1)), at least what the provider asked for. A wait past `expiresAt` ends
 * there: the message then lapses instead of holding its place.
 */
export function outcomeOf(
  message: { expires_at: InstantMs },
  result: SendResult,
  transientTries: number,
  now: InstantMs,
  random: Random,
  elsewhere = false,
): SendOutcome {
  const wait = (delayMs: number) => Math.min(now + Math.max(delayMs, backoffLeastMs), message.expires_at + 1)
  switch (result.kind) {
    case 'sent':
      return { state: 'sent', reason: '' }
    case 'permanent':
      return { state: 'failed', reason: cut(result.reason) }
    case 'unknown':
      return { state: 'unknown', reason: cut(result.reason) }
    case 'throttled':
      return { state: 'queued', reason: 'throttled', dueAt: elsewhere ? now : wait(result.retryAfterMs) }
    case 'transient': {
      if (transientTries >= transientTriesMax) {
        return { state: 'failed', reason: cut(`retries_exhausted: ${result.reason}`) }
      }
      const reason = cut(`transient: ${result.reason}`)
      if (elsewhere) return { state: 'queued', reason, dueAt: now }
      const ceiling = Math.min(backoffMostMs, backoffFirstMs * 2 ** (transientTries - 1))
      const delayMs = Math.max(Math.round(random.next() * ceiling), result.retryAfterMs ?? 0)
      return { state: 'queued', reason, dueAt: wait(delayMs) }
    }
  }
}

/** The reason of a result, for the attempt's row. */
export function reasonOf(result: SendResult): string {
  return 'reason' in result ? cut(result.reason) : ''
}

function cut(reason: string): string {
  return reason.slice(0, reasonCharactersMax)
}

import { setTimeout } from 'node:timers/promises'
import type { Clock } from '#contracts/clock.ts'
import type { Logger } from '#contracts/logger.ts'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { Random } from '#contracts/random.ts'
import type { TokenBucket } from '#contracts/rate-limit.ts'
import type { Provider } from '../open-channels.ts'
import { type Breaker, type BreakerState, createBreaker } from './breaker.ts'
import { createPace } from './pace.ts'

/** One message's turn at a provider: a place that is held from the claim until the call is over. */
export interface Turn {
  provider: Provider
  /** Calls the provider, once and only once; it never throws. */
  send(message: OutgoingMessage): Promise<SendResult>
  /** No call was made after all. */
  giveBack(): void
  /** After the call: another provider could take the message now. */
  elsewhere(): boolean
}

export type Choice =
  | { kind: 'go'; turn: Turn }
  /** `reason` says for whom: `waiting: ses-eu gmail.com` for its turn, `down: ses-eu` for it to recover. */
  | { kind: 'wait'; waitMs: number; reason: string }

export interface ProviderState {
  id: string
  state: BreakerState | 'paused'
  /** Why it is not closed. */
  reason: string
  /** Wall clock; when a call is let through again, 0 where it is. */
  retryAt: number
}

/** Who takes a message, and when. One for all workspaces: an account does not know them apart. */
export interface Dispatcher {
  /** Before messages are claimed. */
  prepare(): Promise<void>
  /**
   * `candidates`: first choice first. `tries`: failed calls of this message so far, by provider. `reason`: of the
   * message as it stands in the ledger; it may have waited in line. Transactional ones stand behind nobody: they
   * take the next place that is free.
   */
  choose(
    candidates: readonly Provider[],
    message: { address: string; reason: string; transactional: 0 | 1 },
    tries: ReadonlyMap<string, number>,
  ): Choice
  restore(lines: ReadonlyMap<string, number>): void
  states(providers: readonly Provider[]): ProviderState[]
}

export interface DispatcherParts {
  wallClock: Clock
  random: Random
  logger: Pick<Logger, 'error'>
  /** Absent where this is the only sender. */
  bucket?: TokenBucket
  /** Default: the wall clock's time. */
  pause?: (ms: number) => Promise<unknown>
}

/**
 * An unknown result is asked about again so often and begins so late at most: with calls of 30 s that ends within
 * 70 s, and a lease takes 120. Few at once: meanwhile a message holds one of the places in flight.
 */
const resendsMax = 2
const resendFirstMs = 500
const resendWithinMs = 10_000
const resendingMax = 4

export function createDispatcher(parts: DispatcherParts): Dispatcher {
  const { wallClock, random, logger, pause = setTimeout } = parts
  const pace = createPace(parts)
  const breakers = new Map<string, Breaker>()
  let resending = 0
  const breakerOf = ({ id }: Provider): Breaker => {
    const breaker = breakers.get(id) ?? createBreaker(random)
    breakers.set(id, breaker)
    return breaker
  }
  const outMs = (provider: Provider): number =>
    Math.max(breakerOf(provider).waitMs(wallClock.now()), pace.pausedMs(provider))

  /** One call with all that follows from it for those behind. */
  const call = async (
    provider: Provider,
    message: OutgoingMessage,
    over: () => void,
  ): Promise<SendResult> => {
    let result: SendResult = { kind: 'unknown', reason: 'no_result' }
    try {
      result = await provider.send(message)
    } catch (error) {
      const { messageId } = message
      logger.error('a provider threw', { provider: provider.id, messageId, error: String(error) })
      result = { kind: 'unknown', reason: `exception: ${String(error)}` }
    } finally {
      over()
      breakerOf(provider).end(result, wallClock.now())
      if (result.kind === 'throttled') {
        pace.pause(provider, result.retryAfterMs, result.ofDomain === true ? message.address : undefined)
      } else if (result.kind === 'transient' && result.retryAfterMs !== undefined) {
        pace.pause(provider, result.retryAfterMs)
      }
    }
    return result
  }

  /** Only `sent` answers what became of the first call: any other answer may be about the second alone. */
  const askAgain = async (
    provider: Provider,
    message: OutgoingMessage,
    unknown: SendResult,
  ): Promise<SendResult> => {
    const until = wallClock.now() + resendWithinMs
    for (let resend = 1; resend <= resendsMax; resend++) {
      await pause(resendFirstMs * resend * (0.5 + random.next()))
      const over = await nextPlace(provider, message.address, until)
      if (over === null) return unknown
      const again = await call(provider, message, over)
      if (again.kind === 'sent') return again
    }
    return unknown
  }

  /** Null where none is to be had in time. */
  const nextPlace = async (
    provider: Provider,
    address: string,
    until: number,
  ): Promise<(() => void) | null> => {
    for (;;) {
      if (breakerOf(provider).state(wallClock.now()) !== 'closed') return null
      await pace.prepare()
      const admission = pace.admit(provider, address, true)
      if (admission.kind === 'go') return admission.over
      if (wallClock.now() + admission.waitMs > until) return null
      await pause(admission.waitMs)
    }
  }

  return {
    prepare: () => pace.prepare(),
    choose(candidates, message, tries) {
      const triesOf = ({ id }: Provider): number => tries.get(id) ?? 0
      const open = candidates.filter((provider) => outMs(provider) === 0)
      if (open.length === 0) return soonest(candidates, outMs)
      // The first of those that failed least with this message; the order among equals is the message's own.
      const fewest = Math.min(...open.map(triesOf))
      const provider = open.find((own) => triesOf(own) === fewest)!
      const goesFirst = message.transactional === 1 || isReturning(message.reason, provider)
      const admission = pace.admit(provider, message.address, goesFirst)
      if (admission.kind === 'wait') {
        return { kind: 'wait', waitMs: admission.waitMs, reason: `${waitingFor}${admission.line}` }
      }
      return { kind: 'go', turn: turnOf(provider, admission.over) }

      function turnOf(provider: Provider, over: (called?: boolean) => void): Turn {
        breakerOf(provider).begin()
        return {
          provider,
          async send(outgoing) {
            const result = await call(provider, outgoing, over)
            if (result.kind !== 'unknown' || !provider.resends || resending >= resendingMax) return result
            resending++
            try {
              return await askAgain(provider, outgoing, result)
            } finally {
              resending--
            }
          },
          giveBack() {
            over(false)
            breakerOf(provider).end(null, wallClock.now())
          },
          elsewhere: () =>
            candidates.some(
              (own) => own !== provider && triesOf(own) <= triesOf(provider) && outMs(own) === 0,
            ),
        }
      }
    },
    restore: (lines) => pace.restore(lines),
    states(providers) {
      const now = wallClock.now()
      return providers.map((provider) => {
        const { id } = provider
        const breaker = breakerOf(provider)
        const state = breaker.state(now)
        if (state !== 'closed') return { id, state, reason: breaker.reason, retryAt: breaker.openUntil }
        const retryAt = pace.pausedUntil(provider)
        return retryAt <= now
          ? { id, state, reason: '', retryAt: 0 }
          : { id, state: 'paused' as const, reason: 'it asked to be left alone', retryAt }
      })
    },
  }
}

/** What the reason of a message in line begins with; the line's name follows. */
export const waitingFor = 'waiting: '

function isReturning(reason: string, { id }: Provider): boolean {
  return reason === `${waitingFor}${id}` || reason.startsWith(`${waitingFor}${id} `)
}

function soonest(candidates: readonly Provider[], outMs: (provider: Provider) => number): Choice {
  const waits = candidates.map((provider) => ({ id: provider.id, waitMs: outMs(provider) }))
  const first = waits.reduce((best, own) => (own.waitMs < best.waitMs ? own : best))
  return { kind: 'wait', waitMs: first.waitMs, reason: `down: ${first.id}` }
}

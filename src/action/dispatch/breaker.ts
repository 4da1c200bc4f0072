import type { InstantMs } from '#contracts/clock.ts'
import type { SendResult } from '#contracts/message.ts'
import type { Random } from '#contracts/random.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

/**
 * closed → open: `failuresMax` calls in a row failed, or the account itself is refused.
 * open → half-open: its time has passed; one call is let through.
 * half-open → closed: that call got an answer. half-open → open: it did not; twice as long as before.
 */
export interface Breaker {
  /** 0: a call may begin. */
  waitMs(now: InstantMs): number
  /** A call begins: the one that is let through, where half open. */
  begin(): void
  end(result: SendResult | null, now: InstantMs): void
  state(now: InstantMs): BreakerState
  /** Why it opened last, and when a call is let through again. */
  readonly reason: string
  readonly openUntil: InstantMs
}

const failuresMax = 5
const openFirstMs = 5000
const openMostMs = 5 * 60_000
/** While the one call is under way. */
const probeRetryMs = 500

export function createBreaker(random: Random): Breaker {
  let failures = 0
  let openings = 0
  let openUntil = 0
  let probing = false
  let reason = ''

  return {
    waitMs(now) {
      if (openings === 0) return 0
      if (now < openUntil) return openUntil - now
      return probing ? probeRetryMs : 0
    },
    begin() {
      if (openings > 0) probing = true
    },
    end(result, now) {
      probing = false
      const fault = result === null ? null : faultOf(result)
      if (result === null) return
      if (fault === null) {
        failures = 0
        openings = 0
        reason = ''
        return
      }
      failures++
      // Calls that began before it opened say nothing new.
      if (openings > 0 && now < openUntil) return
      if (openings === 0 && failures < failuresMax && !isAccount(result)) return
      openings++
      reason = fault
      // Half of it at random: senders that opened together do not come back together.
      const longestMs = Math.min(openMostMs, openFirstMs * 2 ** (openings - 1))
      openUntil = now + Math.round(longestMs * (0.5 + random.next() / 2))
    },
    state: (now) => (openings === 0 ? 'closed' : now < openUntil ? 'open' : 'half-open'),
    get reason() {
      return reason
    },
    get openUntil() {
      return openUntil
    },
  }
}

/** Why a result speaks against the provider; being asked to wait, or a refused message, does not. */
function faultOf(result: SendResult): string | null {
  return result.kind === 'transient' || result.kind === 'unknown' ? result.reason : null
}

function isAccount(result: SendResult): boolean {
  return result.kind === 'transient' && result.ofProvider === true
}

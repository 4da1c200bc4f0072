/** How fast a provider may be called: `burst` calls at once, then `perSecond`. */
export interface Rate {
  /** All who share the name share the rate. */
  name: string
  perSecond: number
  burst: number
}

export type TakeResult =
  /** The calls are yours after `afterMs`; whoever gives up then has wasted them. */
  | { kind: 'granted'; afterMs: number }
  /** Nothing was taken; ask again after `retryAfterMs`. Also when nobody answers: never an allowance. */
  | { kind: 'wait'; retryAfterMs: number }

/**
 * A token bucket per provider, shared by all senders. In any stretch of t seconds it grants at most
 * `burst + perSecond × t` calls. A bucket nobody remembers starts empty, so that losing it allows nothing.
 */
export interface TokenBucket {
  /** Takes `count` tokens (at most `burst`) when they are there within `waitMaxMs`. */
  take(rate: Rate, count: number, waitMaxMs: number): Promise<TakeResult>
}

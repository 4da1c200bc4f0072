import { setTimeout } from 'node:timers/promises'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { Rate, TokenBucket } from '#contracts/rate-limit.ts'
import type { ChannelSet, Provider } from './open-channels.ts'

/**
 * How long a message that was claimed waits for its turn. While it waits it holds one of the few places in
 * flight, so that no more are claimed than the provider takes; after that it is queued again.
 */
const turnMaxMs = 5000
const queuedAgainMs = 10_000

export interface RateLimits {
  bucket: TokenBucket
  /** Default: the wall clock's time. */
  pause?: (ms: number) => Promise<unknown>
}

/** The providers that reach people, each call in its provider's turn. */
export function limitRate(channels: ChannelSet, limits: RateLimits): ChannelSet {
  const real = [...channels.real].map(
    ([name, providers]) => [name, providers.map((provider) => inTurn(provider, limits))] as const,
  )
  return { ...channels, real: new Map(real) }
}

/** One second's worth at once. */
function rateOf({ id, callsPerSecondMax: perSecond }: Provider): Rate | null {
  return perSecond === undefined ? null : { name: id, perSecond, burst: Math.max(1, perSecond) }
}

function inTurn(provider: Provider, { bucket, pause = setTimeout }: RateLimits): Provider {
  const rate = rateOf(provider)
  if (rate === null) return provider
  return {
    ...provider,
    async send(message: OutgoingMessage): Promise<SendResult> {
      const waitMs = await takeTurn(rate, bucket, pause)
      if (waitMs === null) return { kind: 'throttled', retryAfterMs: queuedAgainMs }
      await pause(waitMs)
      return await provider.send(message)
    },
  }
}

/** How long until the turn that was taken; null when none was to be had. */
async function takeTurn(
  rate: Rate,
  bucket: TokenBucket,
  pause: (ms: number) => Promise<unknown>,
): Promise<number | null> {
  for (let leftMs = turnMaxMs; leftMs > 0; ) {
    const result = await bucket.take(rate, 1, leftMs)
    if (result.kind === 'granted') return result.afterMs
    const pauseMs = Math.min(result.retryAfterMs, leftMs)
    await pause(pauseMs)
    leftMs -= Math.max(1, pauseMs)
  }
  return null
}

import { setTimeout } from 'node:timers/promises'
import type { Channel, OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { Rate, TokenBucket } from '#contracts/rate-limit.ts'
import type { ChannelSet } from './load-channels.ts'

/**
 * How long a message that was claimed waits for its turn. While it waits it holds one of the few places in
 * flight, so that no more are claimed than the provider takes; after that it is queued again.
 */
const turnMaxMs = 5000
const queuedAgainMs = 10_000

export interface RateLimits {
  bucket: TokenBucket
  /** By provider (`smtp`); a provider without one is called as fast as it answers. */
  rates: ReadonlyMap<string, Rate>
  /** Default: the wall clock's time. */
  pause?: (ms: number) => Promise<unknown>
}

/** The channels that reach people, each call in its provider's turn. */
export function limitRate(channels: ChannelSet, limits: RateLimits): ChannelSet {
  const real = [...channels.real].map(([name, channel]) => {
    const rate = limits.rates.get(channel.provider)
    return [name, rate === undefined ? channel : inTurn(channel, rate, limits)] as const
  })
  return { ...channels, real: new Map(real) }
}

function inTurn(channel: Channel, rate: Rate, { bucket, pause = setTimeout }: RateLimits): Channel {
  return {
    ...channel,
    async send(message: OutgoingMessage): Promise<SendResult> {
      const waitMs = await takeTurn(rate, bucket, pause)
      if (waitMs === null) return { kind: 'throttled', retryAfterMs: queuedAgainMs }
      await pause(waitMs)
      return await channel.send(message)
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

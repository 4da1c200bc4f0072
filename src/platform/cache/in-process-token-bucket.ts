import type { Clock, InstantMs } from '#contracts/clock.ts'
import type { TokenBucket } from '#contracts/rate-limit.ts'

/** The same for one process. It starts empty too: what an earlier process has sent nobody knows. */
export function createInProcessTokenBucket({ wallClock }: { wallClock: Clock }): TokenBucket {
  const buckets = new Map<string, { tokens: number; at: InstantMs }>()
  return {
    async take({ name, perSecond, burst }, count, waitMaxMs) {
      const now = wallClock.now()
      const kept = buckets.get(name) ?? { tokens: 0, at: now }
      const tokens = Math.min(burst, kept.tokens + (Math.max(0, now - kept.at) * perSecond) / 1000)
      const waitMs = Math.max(0, Math.ceil(((count - tokens) * 1000) / perSecond))
      const isGranted = waitMs <= waitMaxMs
      buckets.set(name, { tokens: isGranted ? tokens - count : tokens, at: now })
      return isGranted
        ? { kind: 'granted', afterMs: waitMs }
        : { kind: 'wait', retryAfterMs: waitMs - waitMaxMs }
    },
  }
}

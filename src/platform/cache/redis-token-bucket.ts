import type { TakeResult, TokenBucket } from '#contracts/rate-limit.ts'
import type { RedisLink } from './redis-link.ts'
import { createRedisScript } from './redis-script.ts'

/** How long to leave Redis alone when it does not answer. */
const noAnswerRetryMs = 1000
/** A bucket nobody takes from is remembered for a day: one that is forgotten starts empty. */
const rememberedMs = 86_400_000

/**
 * KEYS: the bucket. ARGV: tokens a second, burst, count, longest wait in ms. By the clock of the server
 * alone, in microseconds. Tokens go below 0 by what was granted ahead. Returns {1, ms until the tokens are
 * there} or {0, ms until a try makes sense}.
 */
const take = createRedisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local perSecond, burst, count, waitMax = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1] or '0'), tonumber(kept[2] or now)
-- A clock put back fills nothing and takes nothing away.
tokens = math.min(burst, tokens + math.max(0, now - at) * perSecond / 1000000)
local wait = math.max(0, math.ceil((count - tokens) * 1000 / perSecond))
local granted = wait <= waitMax
if granted then tokens = tokens - count end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ${rememberedMs})
if granted then return {1, wait} end
return {0, wait - waitMax}
`)

/** Buckets that all processes share. */
export function createRedisTokenBucket(link: RedisLink): TokenBucket {
  return {
    async take({ name, perSecond, burst }, count, waitMaxMs) {
      const answer = await link.ask((client) =>
        take(client, [`starling:rate:${name}`], [perSecond, burst, count, waitMaxMs]),
      )
      return answer === null ? { kind: 'wait', retryAfterMs: noAnswerRetryMs } : resultOf(answer as number[])
    },
  }
}

function resultOf([isGranted, waitMs]: number[]): TakeResult {
  if (waitMs === undefined) throw new Error('the token script answers with two numbers')
  return isGranted === 1 ? { kind: 'granted', afterMs: waitMs } : { kind: 'wait', retryAfterMs: waitMs }
}

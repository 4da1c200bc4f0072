import type { CapCache } from '#contracts/cap-cache.ts'
import type { Logger } from '#contracts/logger.ts'
import type { ProfileCache } from '#contracts/profile-cache.ts'
import type { TokenBucket } from '#contracts/rate-limit.ts'
import { createRedisCapCache } from '#platform/cache/redis-cap-cache.ts'
import { openRedisLink } from '#platform/cache/redis-link.ts'
import { createRedisProfileCache } from '#platform/cache/redis-profile-cache.ts'
import { createRedisTokenBucket } from '#platform/cache/redis-token-bucket.ts'

/** What several processes share through Redis. */
export interface Shared {
  capCache: CapCache
  tokenBucket: TokenBucket
  profileCache: ProfileCache
  close(): void
}

/** One connection for all of it. A Redis that is not there yet holds nobody up for more than a second. */
export async function openShared(url: string, logger: Logger): Promise<Shared> {
  const link = await openRedisLink({ url, logger })
  return {
    capCache: createRedisCapCache(link),
    tokenBucket: createRedisTokenBucket(link),
    profileCache: createRedisProfileCache(link),
    close: link.close,
  }
}

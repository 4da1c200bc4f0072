import { setTimeout } from 'node:timers/promises'
import { createRedisCapCache } from '#platform/cache/redis-cap-cache.ts'
import { createRedisProfileCache } from '#platform/cache/redis-profile-cache.ts'
import { createRedisTokenBucket } from '#platform/cache/redis-token-bucket.ts'
import { capsContract, testListMs } from '../contract/caps-contract.ts'
import { profileCacheContract, testCopyMs } from '../contract/profile-cache-contract.ts'
import { tokenBucketContract } from '../contract/token-bucket-contract.ts'
import { openLink, redisUrl, startRedis } from './redis.ts'

/** The server's own time has to pass: nobody can move it. */
const pass = (ms: number) => setTimeout(ms)

capsContract('caps in Redis', async () => {
  const { link } = await openLink(redisUrl)
  return { cache: createRedisCapCache(link, { listMs: testListMs }), pass, close: async () => link.close() }
})

capsContract('caps in a Redis cluster', async () => {
  const server = await startRedis({ isCluster: true })
  const { link } = await openLink(server.url)
  return {
    cache: createRedisCapCache(link, { listMs: testListMs }),
    pass,
    async close() {
      link.close()
      await server.dispose()
    },
  }
})

tokenBucketContract('token buckets in Redis', async () => {
  const { link } = await openLink(redisUrl)
  return { bucket: createRedisTokenBucket(link), pass, close: async () => link.close() }
})

profileCacheContract('copies of customers in Redis', async () => {
  const { link } = await openLink(redisUrl)
  return {
    cache: createRedisProfileCache(link, { copyMs: testCopyMs }),
    pass,
    close: async () => link.close(),
  }
})

import { createInProcessProfileCache } from '#platform/cache/in-process-profile-cache.ts'
import { profileCacheContract, testCopyMs } from './profile-cache-contract.ts'

profileCacheContract('copies of customers in the process', async () => {
  let now = 0
  return {
    cache: createInProcessProfileCache({ wallClock: { now: () => now }, copyMs: testCopyMs }),
    async pass(ms) {
      now += ms
    },
    async close() {},
  }
})

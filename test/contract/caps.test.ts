import { createInProcessCapCache } from '#platform/cache/in-process-cap-cache.ts'
import { capsContract, testListMs } from './caps-contract.ts'

capsContract('caps in the process', async () => {
  let now = 0
  const cache = createInProcessCapCache({ wallClock: { now: () => now }, listMs: testListMs })
  return {
    cache,
    async pass(ms) {
      now += ms
    },
    async close() {},
  }
})

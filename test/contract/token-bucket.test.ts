import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createInProcessTokenBucket } from '#platform/cache/in-process-token-bucket.ts'
import { tokenBucketContract } from './token-bucket-contract.ts'

tokenBucketContract('token buckets in the process', async () => {
  let now = 0
  return {
    bucket: createInProcessTokenBucket({ wallClock: { now: () => now } }),
    async pass(ms) {
      now += ms
    },
    async close() {},
  }
})

test('in any stretch of t seconds at most burst + rate × t calls, however they are asked for', async () => {
  const asks = fc.array(
    fc.record({ afterMs: fc.integer({ min: 0, max: 400 }), waitMaxMs: fc.integer({ min: 0, max: 900 }) }),
    {
      minLength: 20,
      maxLength: 80,
    },
  )
  await fc.assert(
    fc.asyncProperty(
      asks,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 5 }),
      async (all, perSecond, burst) => {
        let now = 0
        const bucket = createInProcessTokenBucket({ wallClock: { now: () => now } })
        const calls: number[] = []
        for (const { afterMs, waitMaxMs } of all) {
          now += afterMs
          const result = await bucket.take({ name: 'smtp', perSecond, burst }, 1, waitMaxMs)
          if (result.kind === 'granted') calls.push(now + result.afterMs)
        }
        for (let i = 0; i < calls.length; i++) {
          for (let j = i; j < calls.length; j++) {
            const seconds = ((calls[j] as number) - (calls[i] as number)) / 1000
            // A wait is a whole number of milliseconds, rounded up: two ends, two roundings.
            expect(j - i + 1).toBeLessThanOrEqual(burst + perSecond * (seconds + 0.002) + 1e-6)
          }
        }
      },
    ),
    { numRuns: 100 },
  )
})

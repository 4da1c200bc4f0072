import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Rate, TokenBucket } from '#contracts/rate-limit.ts'

export interface BucketUnderTest {
  bucket: TokenBucket
  /** Lets so much time pass for the buckets. */
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

/** What every adapter of the `TokenBucket` port must do. */
export function tokenBucketContract(name: string, open: () => Promise<BucketUnderTest>): void {
  describe(name, () => {
    let made: BucketUnderTest
    let bucket: TokenBucket
    beforeAll(async () => {
      made = await open()
      bucket = made.bucket
    })
    afterAll(() => made.close())
    const rateOf = (perSecond: number, burst: number): Rate => ({
      name: `provider-${randomUUID()}`,
      perSecond,
      burst,
    })

    test('a bucket nobody remembers is empty: losing it allows nothing', async () => {
      const rate = rateOf(1, 10)
      const result = await bucket.take(rate, 1, 0)
      expect(result.kind).toBe('wait')
      expect(result.kind === 'wait' && result.retryAfterMs).toBeGreaterThan(900)
    })

    test('grants what has come in, up to the burst, and then nothing', async () => {
      const rate = rateOf(20, 4)
      await bucket.take(rate, 1, 0)
      await made.pass(1000)
      const results = []
      for (let i = 0; i < 6; i++) results.push((await bucket.take(rate, 1, 0)).kind)
      // A slow machine may let one more come in between the calls.
      expect(results.slice(0, 4)).toEqual(['granted', 'granted', 'granted', 'granted'])
      expect(results.slice(4)).toContain('wait')
    })

    test('grants ahead in turn, each with its own wait, up to the longest wait asked for', async () => {
      const rate = rateOf(10, 1)
      const waits: number[] = []
      for (let i = 0; i < 5; i++) {
        const result = await bucket.take(rate, 1, 10_000)
        if (result.kind === 'granted') waits.push(result.afterMs)
      }
      expect(waits).toHaveLength(5)
      for (const [i, wait] of waits.entries()) {
        expect(wait).toBeLessThanOrEqual((i + 1) * 100)
        expect(wait).toBeGreaterThan((i + 1) * 100 - 60)
      }
      const refused = await bucket.take(rate, 1, 100)
      expect(refused.kind).toBe('wait')
      // Refusing took nothing: the next in turn waits no longer for it.
      const next = await bucket.take(rate, 1, 10_000)
      expect(next.kind === 'granted' && next.afterMs).toBeLessThanOrEqual(600)
    })

    test('several tokens at once count as so many', async () => {
      const rate = rateOf(10, 5)
      const result = await bucket.take(rate, 5, 10_000)
      expect(result.kind === 'granted' && Math.abs(result.afterMs - 500)).toBeLessThanOrEqual(60)
    })

    test('providers have buckets of their own', async () => {
      const [slow, fast] = [rateOf(1, 1), rateOf(1, 1)]
      expect((await bucket.take(slow, 1, 1000)).kind).toBe('granted')
      expect((await bucket.take(slow, 1, 1000)).kind).toBe('wait')
      expect((await bucket.take(fast, 1, 1000)).kind).toBe('granted')
    })
  })
}

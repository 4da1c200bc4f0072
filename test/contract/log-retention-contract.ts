import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LogBatch, LogConsumer } from '#contracts/event-log.ts'
import type { LogLimits } from '#platform/log/log-limits.ts'
import { commitAll, countOf, type LogUnderTest, many, record } from './event-log-contract.ts'

export interface BoundedLog extends LogUnderTest {
  /** Applies retention now. */
  maintain(): Promise<void>
}

export interface BoundedSetup {
  folder: string
  limits?: Partial<LogLimits>
}

/** Retention and backlog are ours to keep on one machine; Kafka keeps its own. */
export function logRetentionContract(
  name: string,
  makeLog: (setup: BoundedSetup) => Promise<BoundedLog>,
): void {
  describe(name, () => {
    let folder: string
    let open: BoundedLog[]
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'starling-log-'))
      open = []
    })
    afterEach(async () => {
      for (const one of open) await one.close()
      rmSync(folder, { recursive: true })
    })
    const start = async (limits: Partial<LogLimits> = {}): Promise<BoundedLog> => {
      const made = await makeLog({ folder, limits })
      open.push(made)
      return made
    }
    const restart = async (limits: Partial<LogLimits> = {}): Promise<BoundedLog> => {
      await open.pop()?.close()
      return start(limits)
    }

    test('retention keeps what some group has not consumed, and everything before any group is known', async () => {
      const { log, maintain } = await start({ retentionMs: -1000 })
      await log.append(many(60, 'x'))
      await maintain()
      const [fast, slow] = [log.consumer('fast'), log.consumer('slow')]
      const batches = await readAll(fast)
      expect(countOf(batches)).toBe(60)
      await commitAll(fast, batches)
      // Travels behind the commits: after its answer they have arrived.
      await log.append([record('barrier', 'barrier')])
      await maintain()
      expect(countOf(await readAll(slow))).toBe(61)
    })

    test('retention deletes by age what every group has consumed; offsets go on from there', async () => {
      const { log, maintain } = await start({ retentionMs: -1000 })
      await log.append(many(60, 'x'))
      const consumer = log.consumer('worker')
      const batches = await readAll(consumer)
      const kept = batches.findLast((batch) => batch.partition === batches[0]!.partition)!.partition
      await commitAll(
        consumer,
        batches.filter((batch) => batch.partition !== kept),
      )
      await log.append([record('barrier', 'barrier')])
      await maintain()

      const ends = new Map(batches.map((batch) => [batch.partition, batch.nextOffset]))
      const { log: reopened } = await restart({ retentionMs: -1000 })
      await reopened.append(many(60, 'y'))
      const again = reopened.consumer('worker')
      const left = await readAll(again)
      const first = new Map(left.toReversed().map((batch) => [batch.partition, batch]))
      for (const [partition, end] of ends) {
        expect(first.get(partition)?.baseOffset).toBe(partition === kept ? 0 : end)
        // Where the consumer stood: the store's offset moves over the gap from there.
        expect(first.get(partition)?.fromOffset).toBe(0)
      }
    })

    test('retention by size deletes the oldest consumed records only, until the rest fits', async () => {
      const { log, maintain } = await start({ retentionBytesMax: 20_000 })
      const consumer = log.consumer('worker')
      for (let i = 0; i < 40; i++) await log.append(many(20, `call${i}`))
      await maintain()
      const batches = await readAll(consumer)
      expect(countOf(batches)).toBe(800)
      await commitAll(consumer, batches)
      await log.append([record('barrier', 'barrier')])
      await maintain()
      for (const partition of consumer.assigned()) consumer.seek(partition, 0)
      const left = await readAll(consumer)
      const bytes = left.reduce((sum, batch) => sum + JSON.stringify(batch.records).length, 0)
      expect(bytes).toBeLessThan(25_000)
      expect(bytes).toBeGreaterThan(10_000)
      for (const batch of left) {
        const end = batches.findLast((one) => one.partition === batch.partition)?.nextOffset ?? 0
        expect(batch.nextOffset).toBeGreaterThanOrEqual(end)
      }
    })

    test('answers full, whole calls only, while a group is too far behind', async () => {
      const { log } = await start({ backlogBytesMax: 20_000 })
      const consumer = log.consumer('worker')
      let answer = await log.append(many(20, 'c0'))
      let calls = 1
      for (; answer.kind === 'appended' && calls < 100; calls++)
        answer = await log.append(many(20, `c${calls}`))
      expect(answer).toEqual({ kind: 'full', retryAfterSeconds: expect.any(Number) })
      expect(calls).toBeGreaterThan(2)

      const batches = await readAll(consumer)
      expect(countOf(batches)).toBe((calls - 1) * 20)
      expect(await log.append(many(20, 'polled'))).toMatchObject({ kind: 'full' })
      await commitAll(consumer, batches)
      expect(await log.append(many(20, 'committed'))).toEqual({ kind: 'appended' })
    })

    test('a restart remembers roughly how far the groups were', async () => {
      const { log, maintain } = await start({ backlogBytesMax: 20_000 })
      const consumer = log.consumer('worker')
      for (let i = 0; i < 3; i++) expect(await log.append(many(20, `c${i}`))).toEqual({ kind: 'appended' })
      await commitAll(consumer, await readAll(consumer))
      await log.append([record('barrier', 'barrier')])
      await maintain()
      const { log: reopened } = await restart({ backlogBytesMax: 20_000 })
      expect(await reopened.append(many(60, 'y'))).toEqual({ kind: 'appended' })
    })
  })
}

/** Here a poll that finds nothing says that nothing is left; the lag also counts what retention deleted. */
async function readAll(consumer: LogConsumer): Promise<LogBatch[]> {
  const batches: LogBatch[] = []
  for (;;) {
    const batch = await consumer.poll(50, 0)
    if (batch === null) return batches
    batches.push(batch)
  }
}

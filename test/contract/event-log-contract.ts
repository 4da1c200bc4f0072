import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LogRecord } from '#contracts/event.ts'
import type { EventLog, LogAppend, LogBatch, LogConsumer } from '#contracts/event-log.ts'

export interface LogUnderTest {
  log: EventLog
  close(): Promise<void>
}

/** A poll for records that are there waits at most so long: a member of a group has to join first. */
export const arrivesMs = 20_000

/** What every adapter of the `EventLog` port must do. `makeLog` opens, or opens again, the log of a folder. */
export function eventLogContract(
  name: string,
  makeLog: (setup: { folder: string }) => Promise<LogUnderTest>,
): void {
  describe(name, () => {
    let folder: string
    let open: LogUnderTest[]
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'starling-log-'))
      open = []
    })
    afterEach(async () => {
      for (const one of open) await one.close()
      rmSync(folder, { recursive: true })
    })
    const start = async (): Promise<LogUnderTest> => {
      const made = await makeLog({ folder })
      open.push(made)
      return made
    }
    const restart = async (): Promise<LogUnderTest> => {
      await open.pop()?.close()
      return start()
    }

    test('keeps the order of each customer, in one partition, through many concurrent calls', async () => {
      const { log } = await start()
      const sent = Array.from({ length: 60 }, (_, call) =>
        Array.from({ length: 7 }, (_, i) => record(`c${(call * 7 + i) % 40}`, `${call}.${i}`)),
      )
      const answers = await Promise.all(sent.map((records) => log.append(records)))
      expect(new Set(answers.map((answer) => answer.kind))).toEqual(new Set(['appended']))

      const batches = await readAll(log.consumer('worker'))
      expect(idsByCustomer(batches)).toEqual(idsByCustomer([asBatch(sent.flat())]))
      const partitionsOf = new Map<string, Set<number>>()
      for (const batch of batches) {
        for (const { customerId } of present(batch)) {
          partitionsOf.set(customerId, (partitionsOf.get(customerId) ?? new Set()).add(batch.partition))
        }
      }
      expect([...partitionsOf.values()].every((partitions) => partitions.size === 1)).toBe(true)
      expect(new Set(batches.map((batch) => batch.partition)).size).toBeGreaterThan(1)
    })

    test('numbers the records of a partition without gaps', async () => {
      const { log } = await start()
      for (let i = 0; i < 5; i++) await log.append(many(30, `call${i}`))
      const next = new Map<number, number>()
      for (const batch of await readAll(log.consumer('worker'), 4)) {
        expect(batch.baseOffset).toBe(next.get(batch.partition) ?? 0)
        expect(batch.fromOffset).toBe(batch.baseOffset)
        expect(batch.nextOffset - batch.baseOffset).toBe(batch.records.length)
        next.set(batch.partition, batch.nextOffset)
      }
      expect([...next.values()].reduce((sum, offset) => sum + offset, 0)).toBe(150)
    })

    test('gives bodies back as they were: line breaks, other scripts, astral characters', async () => {
      const { log } = await start()
      const payload = { name: 'a\nb\r\n"q"\\', properties: { Ä: '日本語 😀', '': null } }
      const original = { ...JSON.parse(record('c', 'e').body), payload }
      await log.append([{ key: 'c', body: JSON.stringify(original, null, 2) }])
      const [batch] = await readAll(log.consumer('worker'))
      expect(batch?.records).toEqual([original])
    })

    test('has after reopening what it acknowledged before, and goes on behind it', async () => {
      const { log } = await start()
      await log.append(many(50, 'first'))
      const { log: reopened } = await restart()
      await reopened.append(many(50, 'second'))
      const batches = await readAll(reopened.consumer('worker'))
      const ids = batches.flatMap((batch) => present(batch).map((one) => one.eventId))
      expect(ids).toHaveLength(100)
      expect(new Set(ids).size).toBe(100)
      for (const [, list] of idsByCustomer(batches)) {
        expect(list.map((id) => id.split('.')[0])).toEqual(['first', 'second'])
      }
    })

    test('polls at most recordsMax of one partition and takes turns between partitions', async () => {
      const { log } = await start()
      await log.append(many(200, 'x'))
      const consumer = log.consumer('worker')
      expect(await consumer.lag()).toBe(200)
      const visited: number[] = []
      for (let i = 0; i < consumer.assigned().length; i++) {
        const batch = await consumer.poll(3, arrivesMs)
        expect(batch?.records).toHaveLength(3)
        visited.push(batch!.partition)
      }
      expect(visited.toSorted((a, b) => a - b)).toEqual(consumer.assigned())
    })

    test('puts the records of many small appends into one batch', async () => {
      const { log } = await start()
      for (let i = 0; i < 20; i++) await log.append([record('one', `e${i}`)])
      const batch = await log.consumer('worker').poll(15, arrivesMs)
      expect(present(batch!).map((one) => one.eventId)).toEqual(Array.from({ length: 15 }, (_, i) => `e${i}`))
    })

    test('a waiting poll wakes when records arrive, and gives null when none do', async () => {
      const { log } = await start()
      const consumer = log.consumer('worker')
      expect(await consumer.poll(10, 5)).toBeNull()
      const waiting = consumer.poll(10, 60_000)
      await log.append([record('c', 'late')])
      expect(present((await waiting)!).map((one) => one.eventId)).toEqual(['late'])
    })

    test('closing a consumer ends its waiting poll', async () => {
      const { log } = await start()
      const consumer = log.consumer('worker')
      const waiting = consumer.poll(10, 60_000)
      await consumer.close()
      expect(await waiting).toBeNull()
    })

    test('seeks back, into the middle of what came in one call, and not past the end', async () => {
      const { log } = await start()
      await log.append(Array.from({ length: 10 }, (_, i) => record('same', `e${i}`)))
      const consumer = log.consumer('worker')
      const all = (await consumer.poll(100, arrivesMs))!
      expect(all.records).toHaveLength(10)
      expect(await consumer.poll(100, 0)).toBeNull()
      for (const offset of [7, 0, 3]) {
        consumer.seek(all.partition, offset)
        const batch = (await consumer.poll(100, arrivesMs))!
        expect(batch.baseOffset).toBe(offset)
        expect(batch.fromOffset).toBe(offset)
        expect(batch.records).toEqual(all.records.slice(offset))
      }
      consumer.seek(all.partition, 10)
      expect(await consumer.poll(100, 0)).toBeNull()
      expect(() => consumer.seek(log.partitions, 0)).toThrow(/no partition/)
      const beyond = async () => {
        consumer.seek(all.partition, 11)
        await consumer.poll(100, arrivesMs)
      }
      await expect(beyond()).rejects.toThrow(/ends at 10, before offset 11 .* older than the store/)
    })

    test('starts where the store stands, in the partitions it is asked about', async () => {
      const { log } = await start()
      await log.append(many(200, 'x'))
      const ends = await log.ends()
      expect([...ends.keys()]).toEqual(Array.from({ length: log.partitions }, (_, i) => i))
      expect([...ends.values()].reduce((sum, end) => sum + end, 0)).toBe(200)

      const stored = new Map([...ends].map(([partition, end]) => [partition, Math.floor(end / 2)]))
      const asked: number[] = []
      const consumer = log.consumer('worker', async (partitions) => {
        asked.push(...partitions)
        return stored
      })
      expect(asked).toEqual([])
      const batches = await readAll(consumer)
      expect(asked.toSorted((a, b) => a - b)).toEqual([...ends.keys()])
      const first = new Map(batches.toReversed().map((batch) => [batch.partition, batch.fromOffset]))
      expect(first).toEqual(new Map([...stored].filter(([partition, at]) => at < ends.get(partition)!)))
      const last = new Map(batches.map((batch) => [batch.partition, batch.nextOffset]))
      for (const [partition, end] of last) expect(end).toBe(ends.get(partition))
    })

    test('a store that is ahead of the log is a fault, and what the store says is asked again', async () => {
      const { log } = await start()
      await log.append(Array.from({ length: 3 }, (_, i) => record('same', `e${i}`)))
      const partition = [...(await log.ends())].find(([, end]) => end > 0)![0]
      const answers = [4, 2]
      const consumer = log.consumer('worker', async () => new Map([[partition, answers.shift() ?? 2]]))
      await expect(consumer.poll(10, arrivesMs)).rejects.toThrow(/older than the store/)
      expect(present((await consumer.poll(10, arrivesMs))!).map((one) => one.eventId)).toEqual(['e2'])
    })

    test('counts the lag of what was not polled', async () => {
      const { log } = await start()
      const consumer = log.consumer('worker')
      expect(await consumer.lag()).toBe(0)
      await log.append(many(25, 'x'))
      expect(await consumer.lag()).toBe(25)
      const batch = (await consumer.poll(2, arrivesMs))!
      expect(await consumer.lag()).toBe(25 - batch.records.length)
      await readAll(consumer)
      expect(await consumer.lag()).toBe(0)
      consumer.seek(batch.partition, batch.baseOffset)
      expect(await consumer.lag()).toBeGreaterThan(0)
    })

    test('two groups read independently', async () => {
      const { log } = await start()
      await log.append(many(40, 'x'))
      const [one, two] = [log.consumer('one'), log.consumer('two')]
      const batches = await readAll(one)
      await commitAll(one, batches)
      expect(idsByCustomer(await readAll(two))).toEqual(idsByCustomer(batches))
    })

    test('answers what is under way when it closes, then is unavailable', async () => {
      const { log } = await start()
      const underWay = Array.from({ length: 20 }, (_, i) => log.append(many(5, `c${i}`)))
      await log.close()
      for (const answer of await Promise.all(underWay)) expect(answer).toEqual({ kind: 'appended' })
      expect(await log.append(many(1, 'z'))).toMatchObject({ kind: 'unavailable' })
      const { log: reopened } = await restart()
      expect(countOf(await readAll(reopened.consumer('worker')))).toBe(100)
    })

    test('an empty call is appended', async () => {
      const { log } = await start()
      expect(await log.append([])).toEqual({ kind: 'appended' })
    })
  })
}

export function record(customerId: string, eventId: string): LogAppend {
  const body: LogRecord = {
    v: 1,
    workspace: 'w',
    eventId,
    customerId,
    kind: 'track',
    occurredAt: 1_700_000_000_000,
    receivedAt: 1_700_000_000_001,
    payload: { name: 'Order Completed', properties: { note: 'x'.repeat(100) } },
  }
  return { key: `w\0${customerId}`, body: JSON.stringify(body) }
}

/** One record for each of `count` customers. */
export function many(count: number, call: string): LogAppend[] {
  return Array.from({ length: count }, (_, i) => record(`c${i}`, `${call}.${i}`))
}

export async function readAll(consumer: LogConsumer, recordsMax = 50): Promise<LogBatch[]> {
  const batches: LogBatch[] = []
  for (;;) {
    const batch = await consumer.poll(recordsMax, 10)
    if (batch !== null) batches.push(batch)
    else if ((await consumer.lag()) === 0) return batches
  }
}

export async function commitAll(consumer: LogConsumer, batches: LogBatch[]): Promise<void> {
  for (const batch of batches) consumer.committed(batch.partition, batch.nextOffset)
}

export function present(batch: LogBatch): LogRecord[] {
  return batch.records.filter((one) => one !== null)
}

export function countOf(batches: LogBatch[]): number {
  return batches.reduce((sum, batch) => sum + present(batch).length, 0)
}

function asBatch(records: LogAppend[]): LogBatch {
  const parsed = records.map((one) => JSON.parse(one.body) as LogRecord)
  return { partition: 0, fromOffset: 0, baseOffset: 0, nextOffset: parsed.length, records: parsed }
}

export function idsByCustomer(batches: LogBatch[]): Map<string, string[]> {
  const ids = new Map<string, string[]>()
  for (const { customerId, eventId } of batches.flatMap(present)) {
    ids.set(customerId, [...(ids.get(customerId) ?? []), eventId])
  }
  return ids
}

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPartitionBuffer, type FetchedRecord } from '#platform/log/kafka/partition-buffer.ts'

const fetched = (...offsets: number[]): FetchedRecord[] => offsets.map((offset) => ({ offset, value: null }))
const offsets = (records: FetchedRecord[] | undefined) => records?.map((record) => record.offset)

test('a run ends at a gap, and the next one starts where the consumer stood', () => {
  const buffer = createPartitionBuffer(5)
  buffer.push(fetched(7, 8, 11), 13)
  expect(buffer.fetchNext()).toBe(13)
  const first = buffer.take(10)
  expect([first?.fromOffset, offsets(first?.records)]).toEqual([5, [7, 8]])
  const second = buffer.take(10)
  expect([second?.fromOffset, offsets(second?.records)]).toEqual([9, [11]])
  expect(buffer.take(10)).toBeNull()
  expect(buffer.position()).toBe(12)
})

test('a worker that took a part of its batch gets the rest from memory', () => {
  const buffer = createPartitionBuffer(0)
  buffer.push(fetched(0, 1, 2, 3, 4), 5)
  buffer.take(4)
  expect(buffer.seek(2)).toBe(true)
  expect(offsets(buffer.take(10)?.records)).toEqual([2, 3, 4])
  expect(buffer.seek(5)).toBe(true)
  expect(buffer.take(10)).toBeNull()
})

test('what was handed out before the last batch is gone, and fetched again', () => {
  const buffer = createPartitionBuffer(0)
  buffer.push(fetched(0, 1, 2, 3), 4)
  buffer.take(2)
  buffer.take(2)
  expect(buffer.seek(1)).toBe(false)
  expect([buffer.position(), buffer.fetchNext(), buffer.waiting()]).toEqual([1, 1, 0])
})

test('after a failed batch behind a gap the consumer stands before the gap again', () => {
  const buffer = createPartitionBuffer(3)
  buffer.push(fetched(6, 7), 8)
  buffer.take(10)
  expect(buffer.seek(3)).toBe(true)
  expect(buffer.take(10)).toEqual({ fromOffset: 3, records: fetched(6, 7) })
})

test('however it is taken and sought, every record comes in order and none is left out', () => {
  const steps = fc.array(
    fc.record({ take: fc.integer({ min: 1, max: 6 }), done: fc.integer({ min: 0, max: 6 }) }),
  )
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 40 }),
      steps,
      (numbers, list) => {
        const all = numbers.toSorted((a, b) => a - b)
        const buffer = createPartitionBuffer(0)
        buffer.push(fetched(...all), 61)
        const seen: number[] = []
        // The store moves from `fromOffset`, over a prefix of the run.
        let stored = 0
        for (const { take, done } of [...list, ...all.map(() => ({ take: 6, done: 6 }))]) {
          const run = buffer.take(take)
          if (run === null) continue
          expect(run.fromOffset).toBe(stored)
          const taken = run.records.slice(0, done)
          seen.push(...taken.map((record) => record.offset))
          stored = taken.length === 0 ? stored : taken.at(-1)!.offset + 1
          expect(buffer.seek(stored)).toBe(true)
        }
        expect(seen).toEqual(all)
      },
    ),
  )
})

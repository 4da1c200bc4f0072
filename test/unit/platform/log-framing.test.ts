import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeAppend, encodeAppend } from '#platform/log/append-frame.ts'
import { partitionOf } from '#platform/log/partition-of.ts'
import { checksumOf, decodeRow, ROW_FORMAT } from '#platform/log/row-codec.ts'

const record = fc.record({
  key: fc.string({ unit: 'binary' }),
  value: fc.record({ v: fc.constant(1), payload: fc.jsonValue({ stringUnit: 'binary' }) }),
  indent: fc.nat({ max: 2 }),
})

test('every record of a call comes out once, whole, in the order of its partition', () => {
  fc.assert(
    fc.property(
      fc.array(record),
      fc.integer({ min: 1, max: 16 }),
      fc.nat(2 ** 32 - 1),
      (all, partitions, id) => {
        const calls = all.map(({ key, value, indent }) => ({
          key,
          body: JSON.stringify(value, null, indent),
        }))
        const { callId, runs } = decodeAppend(encodeAppend(id, calls, partitions))
        expect(callId).toBe(id)
        const expected = new Map<number, unknown[]>()
        for (const { key, body } of calls) {
          const partition = partitionOf(key, partitions)
          expected.set(partition, [...(expected.get(partition) ?? []), JSON.parse(body)])
        }
        expect(new Map(runs.map((run) => [run.partition, recordsOf(run.count, run.body)]))).toEqual(expected)
      },
    ),
  )
})

test('a flipped bit anywhere in a row is noticed', () => {
  const body = Buffer.from('{"v":1,"a":"ä"}\n{"v":1}')
  const sound = { position: 77, records: 2, format: ROW_FORMAT, body }
  const checksum = checksumOf(sound)
  expect(decodeRow({ ...sound, checksum })).toEqual({ records: [{ v: 1, a: 'ä' }, { v: 1 }] })
  fc.assert(
    fc.property(fc.nat(body.length - 1), fc.nat(7), (byte, bit) => {
      const damaged = Buffer.from(body)
      damaged[byte]! ^= 1 << bit
      expect(decodeRow({ ...sound, checksum, body: damaged })).toHaveProperty('damage')
    }),
  )
  for (const wrong of [{ position: 78 }, { records: 3 }, { format: 2 }]) {
    expect(decodeRow({ ...sound, checksum, ...wrong })).toHaveProperty('damage')
  }
})

test('inside a sound row only what is no known envelope is null', () => {
  const body = Buffer.from('{"v":1}\n{"v":\n{"v":2}\nnull\n7\n{"v":1,"b":2}')
  const row = { position: 0, records: 6, format: ROW_FORMAT, body }
  expect(decodeRow({ ...row, checksum: checksumOf(row) })).toEqual({
    records: [{ v: 1 }, null, null, null, null, { v: 1, b: 2 }],
  })
})

test('partitions are part of the file format, and even', () => {
  // FNV-1a of the empty string and of 'a' are published as 0x811c9dc5 and 0xe40c292c; the finaliser is
  // murmur3's fmix32, computed here step by step with BigInt.
  expect(partitionOf('', 2 ** 32)).toBe(fmix32(0x811c9dc5n))
  expect(partitionOf('a', 2 ** 32)).toBe(fmix32(0xe40c292cn))
  const counts = new Array<number>(8).fill(0)
  for (let i = 0; i < 80_000; i++) counts[partitionOf(`workspace\0customer-${i}`, 8)]! += 1
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
})

function recordsOf(count: number, body: Uint8Array): unknown[] {
  const row = { position: 0, records: count, format: ROW_FORMAT, body }
  const decoded = decodeRow({ ...row, checksum: checksumOf(row) })
  return 'records' in decoded ? decoded.records : [decoded.damage]
}

function fmix32(start: bigint): number {
  const word = 0xffffffffn
  let hash = start
  hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) & word
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & word
  return Number(hash ^ (hash >> 16n))
}

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeAppend, encodeAppend } from '#platform/log/append-frame.ts'
import { partitionOf } from '#platform/log/partition-of.ts'
import { checkRow, checksumOf, decodeRow, type LogRow, ROW_FORMAT } from '#platform/log/row-codec.ts'

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

const values = fc.array(fc.jsonValue({ stringUnit: 'binary' }), { minLength: 1, maxLength: 12 })
const damage = fc.record({ at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) })

test('damage inside a record costs that record; no other, and nothing wrong is ever read', () => {
  fc.assert(
    fc.property(
      values,
      fc.nat(1000),
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      (all, position, hits) => {
        const { row, ends } = rowOf(all, position)
        const hit = hits.map(({ at, bits }) => ({ at: at % row.body.length, bits }))
        const content = decodeRow({ ...row, body: flipped(row.body, hit) })
        if (!('records' in content)) throw new Error(content.damage)
        const struck = new Set(hit.map(({ at }) => ends.findIndex((end) => at <= end)))
        expect(content.records).toHaveLength(all.length)
        content.records.forEach((read, i) => {
          // Two hits on one byte may undo each other.
          if (!struck.has(i) || read !== null) expect(read).toEqual(recordOf(all[i]))
          else expect(content.faults.get(i)).toBe('checksum does not match')
        })
        expect(content.isWhole).toBe(!content.records.includes(null))
      },
    ),
    { numRuns: 500 },
  )
})

test('damage to the checks costs nothing; with damage to a record, that one and at most two a hit', () => {
  fc.assert(
    fc.property(values, damage, damage, (all, inChecks, inBody) => {
      const { row, ends } = rowOf(all, 5)
      const at = inChecks.at % row.checks.length
      const checks = flipped(row.checks, [{ at, bits: inChecks.bits }])
      expect(decodeRow({ ...row, checks })).toMatchObject({ isWhole: true, records: all.map(recordOf) })
      const bodyAt = inBody.at % row.body.length
      const content = decodeRow({ ...row, checks, body: flipped(row.body, [{ ...inBody, at: bodyAt }]) })
      if (!('records' in content)) throw new Error(content.damage)
      const near = Math.floor(at / 8)
      const lost = new Set([ends.findIndex((end) => bodyAt <= end), near, near + 1])
      content.records.forEach((read, i) => {
        if (!lost.has(i) || read !== null) expect(read).toEqual(recordOf(all[i]))
      })
    }),
    { numRuns: 500 },
  )
})

test('a row that stands where it does not belong has no sound record', () => {
  const { row } = rowOf(['a', 'b', 'c'], 77)
  expect(decodeRow({ ...row, checksum: row.checksum ^ 1 })).toMatchObject({
    isWhole: false,
    records: ['a', 'b', 'c'].map(recordOf),
  })
  for (const wrong of [{ position: 78 }, { checks: row.checks.subarray(0, 16) }]) {
    const content = decodeRow({ ...row, ...wrong, body: flipped(row.body, [{ at: 1, bits: 1 }]) })
    expect('records' in content && content.records.every((read) => read === null)).toBe(true)
  }
  expect(decodeRow({ ...row, position: 78 })).toMatchObject({ records: [null, null, null] })
  for (const wrong of [{ format: 1 }, { format: 3 }, { checks: row.checks.subarray(0, 13), position: 0 }]) {
    expect(decodeRow({ ...row, ...wrong })).toHaveProperty('damage')
  }
  const newer = { ...row, format: 3 }
  expect(decodeRow({ ...newer, checksum: checksumOf(newer) })).toEqual({ damage: 'unknown row format 3' })
})

test('rows of format 1 are read, and damaged ones are damaged as a whole', () => {
  const body = Buffer.from('{"v":1,"a":"ä"}\n{"v":1}')
  const row = { position: 77, records: 2, format: 1, body, checks: new Uint8Array() }
  const checksum = checksumOf(row)
  expect(decodeRow({ ...row, checksum })).toMatchObject({ records: [{ v: 1, a: 'ä' }, { v: 1 }] })
  fc.assert(
    fc.property(fc.nat(body.length - 1), fc.nat(7), (at, bit) => {
      expect(decodeRow({ ...row, checksum, body: flipped(body, [{ at, bits: 1 << bit }]) })).toHaveProperty(
        'damage',
      )
    }),
  )
  for (const wrong of [{ position: 78 }, { records: 3 }, { format: 2 }]) {
    expect(decodeRow({ ...row, checksum, ...wrong })).toHaveProperty('damage')
  }
})

test('inside a sound row only what is no known envelope is null', () => {
  const lines = ['{"v":1}', '{"v":', '{"v":2}', 'null', '7', '{"v":1,"b":2}']
  const content = decodeRow(rowOfLines(lines, 0))
  expect(content).toMatchObject({
    isWhole: true,
    records: [{ v: 1 }, null, null, null, null, { v: 1, b: 2 }],
  })
  expect('faults' in content && [...content.faults.keys()]).toEqual([1, 2, 3, 4])
})

function recordOf(payload: unknown): unknown {
  return JSON.parse(JSON.stringify({ v: 1, payload }))
}

function rowOf(payloads: unknown[], position: number): { row: LogRow; ends: number[] } {
  const lines = payloads.map((payload) => JSON.stringify({ v: 1, payload }))
  let end = -1
  return {
    row: rowOfLines(lines, position),
    /** Of each record's newline, or of the row. */
    ends: lines.map((line) => {
      end += Buffer.byteLength(line) + 1
      return end
    }),
  }
}

function rowOfLines(lines: string[], position: number): LogRow {
  const row = { position, records: lines.length, format: ROW_FORMAT, body: Buffer.from(lines.join('\n')) }
  return { ...row, ...checkRow(row) }
}

function flipped(bytes: Uint8Array, hits: { at: number; bits: number }[]): Uint8Array {
  const damaged = Uint8Array.from(bytes)
  for (const { at, bits } of hits) damaged[at]! ^= bits
  return damaged
}

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
  const decoded = decodeRow({ ...row, ...checkRow(row) })
  return 'records' in decoded ? decoded.records : [decoded.damage]
}

function fmix32(start: bigint): number {
  const word = 0xffffffffn
  let hash = start
  hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) & word
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & word
  return Number(hash ^ (hash >> 16n))
}

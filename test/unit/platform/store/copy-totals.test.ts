import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sqliteTotals } from '#platform/store/copy-totals.ts'
import { createRowDigest } from '#platform/store/row-digest.ts'
import type { CopyTable } from '#platform/store/table-list.ts'

const table: CopyTable = {
  name: 'things',
  columns: [
    { name: 'id', type: 'text' },
    { name: 'at', type: 'integer' },
    { name: 'share', type: 'real' },
    { name: 'body_json', type: 'json' },
    { name: 'record', type: 'blob' },
  ],
}

test('sums are exact where the sum is beyond 64 bits, of both signs', () => {
  fc.assert(
    fc.property(fc.array(fc.maxSafeInteger(), { maxLength: 5 }), fc.nat(2000), (ints, copies) => {
      const database = new DatabaseSync(':memory:')
      database.exec('create table things (at integer)')
      const insert = database.prepare('insert into things values (?)')
      const all = [...ints, ...new Array<number>(copies).fill(Number.MAX_SAFE_INTEGER)]
      for (const one of all) insert.run(one)
      expect(sqliteTotals(database, { name: 'things', columns: [{ name: 'at', type: 'integer' }] })).toEqual({
        rows: all.length,
        sums: { at: all.reduce((sum, one) => sum + BigInt(one), 0n).toString() },
      })
      database.close()
    }),
    { numRuns: 30 },
  )
})

const row = fc.record({
  id: fc.string({ unit: 'binary' }),
  at: fc.maxSafeInteger(),
  share: fc.double({ noNaN: true, noDefaultInfinity: true }),
  body: fc.jsonValue(),
  record: fc.uint8Array({ maxLength: 20 }),
})

test('a digest is the same in any order of rows and of keys, and another when a value changes', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 6 }), fc.nat(), (rows, which) => {
      const here = rows.map((one) => stored(one, JSON.stringify(one.body)))
      const there = rows.map((one) => stored(one, JSON.stringify(reversed(one.body), null, 1))).toReversed()
      expect(digestOf(there)).toBe(digestOf(here))
      const changed = here[which % here.length]!
      for (const change of [
        { id: `${changed.id}x` },
        { at: changed.at === 0 ? 1 : -changed.at },
        { share: changed.share === 0 ? 1 : changed.share / 2 },
        { body_json: JSON.stringify([JSON.parse(changed.body_json)]) },
        { record: Uint8Array.from([...changed.record, 0]) },
        { record: null },
      ]) {
        const other = here.map((one) => (one === changed ? { ...one, ...change } : one))
        expect(digestOf(other)).not.toBe(digestOf(here))
      }
      expect(digestOf([...here, ...here])).not.toBe(digestOf(here))
    }),
  )
})

test('values cannot move from one column to the next unseen', () => {
  const base = { at: 1, share: 0, body_json: '1', record: null }
  expect(digestOf([{ ...base, id: '1:a' }])).not.toBe(digestOf([{ ...base, id: 'a' }]))
  expect(digestOf([{ ...base, id: null }])).not.toBe(digestOf([{ ...base, id: 'null' }]))
  expect(digestOf([{ ...base, id: '5' }])).not.toBe(digestOf([{ ...base, id: 5 }]))
})

function digestOf(rows: Record<string, unknown>[]): string {
  const digest = createRowDigest(table)
  for (const one of rows) digest.add(one)
  return digest.value()
}

function stored<T extends { body: unknown }>({ body, ...rest }: T, body_json: string) {
  return { ...rest, body_json }
}

/** The same value with the keys of its objects the other way round, as far as JavaScript lets them be. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, own]) => [key, reversed(own)]),
  )
}

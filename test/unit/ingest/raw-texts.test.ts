import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isNestedDeeper, rawBatchEvents } from '../../../src/ingest/raw-events.ts'
import { repairEscapes } from '../../../src/ingest/repair-escapes.ts'

test('the texts of a batch are those that JSON.parse read, in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.nat(4),
      (batch, rest, indent) => {
        const json = JSON.stringify({ ...rest, batch, last: rest }, null, indent)
        expect(rawBatchEvents(json).map((text) => JSON.parse(text))).toEqual(JSON.parse(json).batch)
      },
    ),
  )
})

test('a key that stands twice, or is written with escapes, is read as JSON.parse reads it', () => {
  const json = '{"batch":[1],"a":"\\"batch\\":[9]","\\u0062atch" : [ {"x":"]"} , 3 ] ,"z":{"batch":[8]}}'
  expect(JSON.parse(json).batch).toEqual([{ x: ']' }, 3])
  expect(rawBatchEvents(json)).toEqual(['{"x":"]"}', '3'])
})

test('nesting is counted outside strings only', () => {
  expect(isNestedDeeper('{"a":[{"b":"[[[[[["}]}', 3)).toBe(false)
  expect(isNestedDeeper('{"a":[{"b":"\\"[[[[[["}]}', 2)).toBe(true)
  expect(isNestedDeeper(`${'['.repeat(1e6)}`, 10_000)).toBe(true)
  expect(isNestedDeeper('{"a":"', 2)).toBe(false)
})

test.each([
  ['"a\\u0000b"', 'a\ufffdb'],
  ['"\\ud83d\\ude00"', '😀'],
  ['"\\ud83d!"', '\ufffd!'],
  ['"\\ude00\\ud83d"', '\ufffd\ufffd'],
  ['"\\u0041\\ude00"', 'A\ufffd'],
  ['"\\\\u0000"', '\\u0000'],
  ['"\\\\\\u0000\\n"', '\\\ufffd\n'],
])('repairs %s', (json, value) => {
  expect(JSON.parse(repairEscapes(json))).toBe(value)
})

test('what was well-formed stays as it was; everything becomes well-formed and free of NUL', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) }),
      (good, bad) => {
        const wellFormed = good.replaceAll('\0', '')
        expect(JSON.parse(repairEscapes(JSON.stringify(wellFormed)))).toBe(wellFormed)
        const escaped = `"${[...Array(bad.length).keys()].map((i) => `\\u${bad.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
        expect(JSON.parse(repairEscapes(escaped))).toBe(bad.toWellFormed().replaceAll('\0', '\ufffd'))
      },
    ),
  )
})

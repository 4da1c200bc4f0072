import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../../src/campaign/canonical-json.ts'
import { diffLines } from '../../../src/campaign/diff-lines.ts'

describe('canonical JSON', () => {
  test('knows no order of keys, at any depth, but that of lists', () => {
    // As jsonb hands an object back: shorter keys first.
    const written = {
      name: 'Spring',
      id: 's',
      goal: { windowHours: 72, id: 'purchase' },
      list: [2, { b: 1, a: 2 }],
    }
    const read = {
      id: 's',
      goal: { id: 'purchase', windowHours: 72 },
      list: [2, { a: 2, b: 1 }],
      name: 'Spring',
    }
    expect(canonicalJson(written)).toBe(canonicalJson(read))
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]))
  })

  test('loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
      { seed: 1 },
    )
  })
})

test('a diff has a line for each leaf that differs', () => {
  const before = { name: 'A', caps: [{ max: 1 }], features: [], budget: 5 }
  const after = { name: 'B', caps: [{ max: 1 }, { max: 2 }], features: ['plan'], text: 'x'.repeat(100) }
  expect(diffLines(before, after)).toEqual([
    '~ name: "A" → "B"',
    '+ caps[1].max: 2',
    '+ features[0]: "plan"',
    `+ text: "${'x'.repeat(59)}…`,
    '- features: []',
    '- budget: 5',
  ])
  expect(diffLines(before, structuredClone(before))).toEqual([])
  expect(diffLines(undefined, { id: 'a' })).toEqual(['+ id: "a"'])
})

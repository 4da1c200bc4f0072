import { describe, expect, test } from 'vitest'
import { parseWorkspaceFile } from '../../../src/campaign/workspace-file.ts'

const faultsOf = (text: string) => {
  const parsed = parseWorkspaceFile(text)
  return 'faults' in parsed ? parsed.faults : []
}

test('a file is read with its defaults', () => {
  const parsed = parseWorkspaceFile('offers:\n  - id: coffee\n    name: Coffee\n')
  expect(parsed).toMatchObject({
    file: { offers: [{ id: 'coffee', value: 1, available: true }], campaigns: [] },
  })
  expect(parseWorkspaceFile('')).toHaveProperty('file')
})

describe('each fault names its field and its line', () => {
  test.each([
    ['offers:\n  - id: coffee\n    name: 7\n', 'offers[0].name', /^line 3, column 11: .*string/],
    ['offers:\n  - id: coffee\n', 'offers[0].name', /^line 2, column 5: /],
    ['offers:\n  - id: Coffee Beans\n    name: x\n', 'offers[0].id', /^line 2, .*lower-case/],
    ['ofers: []\n', '', /ofers/],
    [
      'guardrails:\n  frequencyCaps:\n    - sendsMax: 0\n      window: { hours: 24 }\n',
      'guardrails.frequencyCaps[0].sendsMax',
      /^line 3, .*pause/,
    ],
    [
      'guardrails:\n  frequencyCaps:\n    - sendsMax: 1\n      window: { localDays: 0 }\n',
      'guardrails.frequencyCaps[0].window.localDays',
      /^line 4/,
    ],
    [
      'segments:\n  - id: a\n    name: A\n    condition:\n      all:\n        - trait: plan\n          op: eq\n',
      'segments[0].condition.all[0].value',
      /^line 6/,
    ],
  ])('%j', (text, field, detail) => {
    expect(faultsOf(text)).toEqual([{ field, detail: expect.stringMatching(detail) }])
  })

  test('all faults at once', () => {
    expect(faultsOf('offers:\n  - id: A\n    name: x\n  - id: b\n').map(({ field }) => field)).toEqual([
      'offers[0].id',
      'offers[1].name',
    ])
  })
})

describe('YAML that is none', () => {
  test.each([
    ['offers: [\n', /^line 2, column 1: /],
    ['offers: []\noffers: []\n', /^line 2, column 1: .*unique/],
    ['a: 1\n---\nb: 2\n', /^line 2, column 1: /],
  ])('%j', (text, detail) => {
    expect(faultsOf(text)[0]).toEqual({ field: '', detail: expect.stringMatching(detail) })
  })

  test('aliases that multiply are refused, not unfolded', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`,
    )
    expect(faultsOf(['l0: &l0 [x]', ...levels].join('\n'))).toEqual([
      { field: '', detail: expect.stringMatching(/alias/i) },
    ])
  })
})

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { classColumn } from '../../../bench/bakeoff/classification-set.ts'
import { readArff } from '../../../bench/bakeoff/read-arff.ts'
import { readCsvSet } from '../../../bench/bakeoff/read-csv-set.ts'
import { readSets } from '../../../bench/bakeoff/read-sets.ts'
import { toBandit } from '../../../bench/bakeoff/to-bandit.ts'

const folder = join(import.meta.dirname, 'bakeoff-sets')

test('ARFF and CSV files of a folder, quotes, comments, missing values and all', () => {
  expect(readSets(folder)).toEqual([
    {
      name: 'tiny',
      columns: [
        { name: 'shoe size', kind: 'number', values: [38, Number.NaN, 40.5, 10] },
        { name: 'colour', kind: 'category', values: ['red', 'light blue', "it's", '?'] },
        { name: 'note', kind: 'category', values: ['a, b', 'say "x"', 'plain', null] },
      ],
      labels: ['Yes', 'yes', 'no way', 'Yes'],
    },
    {
      name: 'tiny',
      columns: [
        { name: 'age', kind: 'number', values: [31, Number.NaN, Number.NaN] },
        { name: 'town', kind: 'category', values: ['Bern, CH', null, 'Basel'] },
      ],
      labels: ['Yes', 'yes', 'Yes'],
    },
  ])
})

test('the class is the column named so in any case, else the last', () => {
  expect(classColumn(['a', 'CLASS', 'b'])).toBe(1)
  expect(classColumn(['Class', 'class', 'b'])).toBe(1)
  expect(classColumn(['a', 'b'])).toBe(1)
})

describe('what cannot be read is refused with its line', () => {
  const head = '@relation r\n@attribute a numeric\n@attribute class {x,y}\n@data\n'
  test.each([
    ['a sparse row', `${head}{0 1, 1 x}`, /^f\.arff:5: sparse/],
    ['an undeclared value', `${head}1,X`, /^f\.arff:5: "X" is not among the values of class/],
    ['no number', `${head}1,x\none,x`, /^f\.arff:6: "one" is not a number/],
    ['a short row', `${head}1`, /^f\.arff:5: 1 values, and 2/],
    ['an empty value', `${head},x`, /^f\.arff:5: an empty value/],
    ['an open quote', `${head}1,'x`, /^f\.arff:5: a quoted text has no end/],
    ['a date', '@attribute d date\n', /^f\.arff:1: attributes of type/],
    ['one name twice', '@attribute a real\n@attribute a real\n', /^f\.arff:2: .*twice/],
    ['no data', '@relation r\n', /there is no @data/],
  ])('%s', (_, text, message) => {
    expect(() => readArff('f.arff', 'f', text)).toThrow(message)
  })

  test('a CSV row of another length', () => {
    expect(() => readCsvSet('f.csv', 'f', 'a,class\n1,x\n2\n')).toThrow(/^f\.csv:3: /)
  })
})

describe('as a bandit', () => {
  const set = readArff(
    'f.arff',
    'f',
    '@attribute n real\n@attribute still real\n@attribute c {p,q,r}\n@attribute class {A,a}\n@data\n' +
      '1,7,p,A\n3,7,q,a\n?,7,?,A\n',
  )

  test('constant, standardised number, one-hot values; what never varies is left out', () => {
    const bandit = toBandit(set, 64, () => 0)
    expect(bandit).toMatchObject({ rows: 3, actions: 2, dimensions: 4 })
    expect([...bandit.labels]).toEqual([0, 1, 0])
    const half = Math.SQRT1_2
    const expected = [1, -half, 1, 0, 1, half, 0, 1, 1, 0, 0, 0]
    for (const [at, value] of expected.entries()) expect(bandit.dense[at]).toBeCloseTo(value, 12)
    expect(bandit.tailSlots).toHaveLength(0)
  })

  test('above the cap those that vary least go to the tail', () => {
    const bandit = toBandit(set, 2, (key) => (key === 'c=p' ? 5 : 9))
    expect(bandit.dimensions).toBe(2)
    expect([...bandit.tailFrom]).toEqual([0, 1, 2, 2])
    expect([...bandit.tailSlots]).toEqual([5, 9])
    expect([...bandit.tailValues]).toEqual([1, 1])
  })

  test('far values are clipped at 5 deviations', () => {
    const rows = Array.from({ length: 99 }, (_, i) => `${i % 2},${i % 2 ? 'x' : 'y'}`)
    const wide = readCsvSet('f.csv', 'f', ['n,class', ...rows, '1000,x'].join('\n'))
    expect(Math.max(...toBandit(wide, 64, () => 0).dense)).toBe(5)
  })
})

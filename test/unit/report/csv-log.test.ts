import { expect, test } from 'vitest'
import { evaluatePolicy } from '#statistics/off-policy/evaluate-policy.ts'
import {
  type CsvColumns,
  type CsvLog,
  csvColumnsDefault,
  readCsvLog,
} from '../../../src/report/off-policy/csv-log.ts'
import { evaluationTable } from '../../../src/report/off-policy/evaluation-table.ts'

const header = ['action', 'reward', 'propensity', 'place', 'age', 'colour']

/** Place 1 draws a and b evenly, place 2 a alone. */
function linesOf(n: number): string[][] {
  return Array.from({ length: n }, (_, i) => {
    const isFirst = i % 3 !== 2
    const action = isFirst && i % 3 === 1 ? 'b' : 'a'
    return [
      action,
      String(i % 2),
      isFirst ? '0.5' : '1',
      isFirst ? '1' : '2',
      String(i),
      i % 4 ? 'red' : 'blue',
    ]
  })
}

function read(lines: string[][], columns: Partial<CsvColumns> = {}, more: string[] = []): CsvLog {
  const log = readCsvLog(header, lines, { ...csvColumnsDefault, ...columns }, more)
  if ('fault' in log) throw new Error(log.fault)
  return log
}

test('what was not drawn has its mean propensity within its place, 0 where it never was', () => {
  const log = read(linesOf(9), { within: 'place' })
  const into = new Float64Array(2)
  log.logged.behaviourAt(0, into)
  expect([...into]).toEqual([0.5, 0.5])
  log.logged.behaviourAt(2, into)
  expect([...into]).toEqual([1, 0])
})

test('the mean of another log is normalised per place; what only that one draws lacks support', () => {
  const other = read(
    [
      ['a', '0', '0.2', '1', '1', 'red'],
      ['c', '0', '0.6', '1', '1', 'red'],
      ['a', '0', '0.9', '2', '1', 'red'],
    ],
    { within: 'place' },
  )
  const log = read(linesOf(900), { within: 'place' }, [...other.actions])
  const into = new Float64Array(3)
  log.like(other)(0, into)
  expect(Object.fromEntries(log.actions.map((name, i) => [name, into[i]]))).toEqual({
    a: expect.closeTo(0.25, 12),
    b: 0,
    c: expect.closeTo(0.75, 12),
  })
  const evaluation = evaluatePolicy(log.logged, log.like(other), log.predict())
  expect(evaluation).toMatchObject({ refusals: [{ reason: 'no_support', mass: expect.closeTo(0.5, 9) }] })
  expect(evaluationTable(evaluation)).toContain('50.0 % of its probability')
})

test('columns hold a policy, and words and numbers are context', () => {
  const lines = linesOf(900).map((line) => [...line, '0.3', '0.7'])
  const columns = { ...csvColumnsDefault, context: ['age', 'colour'] }
  const log = readCsvLog([...header, 'target:a', 'target:b'], lines, columns)
  if ('fault' in log) throw new Error(log.fault)
  const into = new Float64Array(2)
  log.columns!(0, into)
  expect([...into]).toEqual([0.3, 0.7])
  log.predict()(0, into)
  expect(into.every((value) => value >= 0 && value <= 1)).toBe(true)
})

test.each([
  [['a', '1', '0', '1', '1', 'red'], 'propensity of data line 1: 0 is not in (0, 1]'],
  [['a', 'x', '0.5', '1', '1', 'red'], 'reward of data line 1: is no number'],
  [['a', '', '0.5', '1', '1', 'red'], 'reward of data line 1: is no number'],
])('a line that cannot be is named', (line, fault) => {
  expect(readCsvLog(header, [line], csvColumnsDefault)).toEqual({ fault })
})

test('a column that is not there is named with those that are', () => {
  expect(readCsvLog(header, [], { ...csvColumnsDefault, within: 'slot' })).toEqual({
    fault: 'there is no column slot; there are action, reward, propensity, place, age, colour',
  })
})

import {
  alike,
  axisOf,
  comparisonTitle,
  funnelLines,
  type MeasureRow,
  measureRows,
  measureTitle,
  populationLine,
  sampleRatioLine,
  shownLine,
  writerOf,
} from './measure-rows.ts'
import { instant, percent, signed } from './number-format.ts'
import type { Effect, UpliftReport } from './report-schema.ts'

const BAR_COLUMNS = 23
const TEXT_COLUMNS = 100

/** The report for a terminal: plain text of aligned columns, ends with a line break. */
export function reportTable(report: UpliftReport): string {
  const { name, campaignId, version, state, generatedAt, headline, sampleRatios, notes } = report
  const lines = [
    `${name.replace(/\p{Cc}/gu, ' ')} (${campaignId}) · version ${version} · ${state} · ${instant(generatedAt)}`,
    populationLine(report.population),
    '',
    ...headline.sentences.flatMap((sentence) => wrap(sentence, headline.code === 'withheld' ? '!! ' : '=> ')),
    ...notes.flatMap((note) => wrap(note, ' ! ')),
    ...sampleRatios
      .filter(({ mismatch }) => !mismatch)
      .flatMap((ratio) => wrap(sampleRatioLine(ratio), '   ')),
    '',
    ...comparisonLines(report),
    ...align(funnelLines(report).map(([label, number]) => [label, number])),
  ]
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

function comparisonLines(report: UpliftReport): string[] {
  const { comparisons } = report
  if (comparisons.length === 0) return []
  const all = comparisons.flatMap(measureRows)
  const table = align([
    ['', 'treated', 'control', 'difference', '95 % interval', '', 'lift', ''],
    ...comparisons.flatMap((comparison) => [
      [comparisonTitle(comparison)],
      ...measureRows(comparison).flatMap((row) => rowCells(row, report, all)),
    ]),
  ])
  const verdicts = comparisons.flatMap(({ goals }) =>
    goals
      .slice(1)
      .flatMap(({ rate, value }) =>
        [rate, value].flatMap((measure) => (measure ? [measure.verdict.sentence] : [])),
      ),
  )
  return [
    ...table,
    '',
    ...wrap('Bars: ( ) anytime-valid, [ ] fixed-horizon, o estimate, | zero.', '   '),
    ...wrap(shownLine(report), '   '),
    ...(verdicts.length === 0 ? [] : ['', ...verdicts.flatMap((sentence) => wrap(sentence, ' - '))]),
    '',
  ]
}

/** The interval that is shown on the first line, the other one beneath. */
function rowCells(row: MeasureRow, report: UpliftReport, all: MeasureRow[]): string[][] {
  const { measure } = row
  const { difference, relative } = measure
  const { currency, shown } = report
  const own = alike(row, all)
  const number = writerOf(own)
  const interval = (kind: UpliftReport['shown']) => {
    const ends = difference?.[kind]
    return ends ? `${signed(number(ends.lower))} to ${signed(number(ends.upper))}` : 'too early'
  }
  const other = shown === 'anytime' ? 'fixed' : 'anytime'
  return [
    [
      `  ${measureTitle(row, currency)}`,
      number(row.treated),
      number(row.control),
      difference === null ? '' : signed(number(difference.estimate)),
      interval(shown),
      shown,
      relative === null ? '' : signed(percent(relative.estimate, 1)),
      difference === null ? '' : bar(difference, axisOf(own)),
    ],
    ['', '', '', '', interval(other), other, '', ''],
  ]
}

/** `|   (-[==o==]-)`: both intervals on one line. */
function bar({ estimate, fixed, anytime }: Effect, axis: { lower: number; upper: number }): string {
  const span = axis.upper - axis.lower || 1
  const column = (value: number) => Math.round(((value - axis.lower) / span) * (BAR_COLUMNS - 1))
  const cells = new Array<string>(BAR_COLUMNS).fill(' ')
  const draw = (
    interval: { lower: number; upper: number },
    [open, line, close]: [string, string, string],
  ) => {
    cells.fill(line, column(interval.lower), column(interval.upper) + 1)
    cells[column(interval.lower)] = open
    cells[column(interval.upper)] = close
  }
  if (anytime !== null) draw(anytime, ['(', '-', ')'])
  draw(fixed, ['[', '=', ']'])
  cells[column(0)] = '|'
  cells[column(estimate)] = 'o'
  return cells.join('')
}

/** Columns as wide as their widest cell, numbers to the right; a row of one cell is a heading of its own width. */
function align(rows: string[][]): string[] {
  const widths: number[] = []
  for (const row of rows.filter(({ length }) => length > 1)) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  const last = widths.length - 1
  return rows.map((row) => {
    if (row.length === 1) return row[0] ?? ''
    return row
      .map((cell, i) =>
        i === 0 || (last > 1 && i >= 4) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')
  })
}

/** Lines of at most 100 columns; the first starts with `mark`, the others are indented alike. */
function wrap(text: string, mark: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && mark.length + line.length + 1 + word.length > TEXT_COLUMNS) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((each, i) => `${i === 0 ? mark : ' '.repeat(mark.length)}${each}`)
}

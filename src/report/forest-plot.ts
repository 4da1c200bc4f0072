import { escapeHtml } from '#platform/html/escape-html.ts'
import { axisOf, comparisonTitle, lackOf, type MeasureRow, measureTitle, writerOf } from './measure-rows.ts'
import { signed } from './number-format.ts'

const WIDTH = 880
const LABELS_END = 250
const PLOT_START = 270
const PLOT_END = 640
const NUMBERS_START = 660
const ROW_HEIGHT = 46
const TOP = 14
const AXIS_HEIGHT = 34

type Write = (value: number) => string

/**
 * Differences of one measure drawn on one axis with its zero line: the thin line is the anytime-valid
 * interval, the thick one the fixed-horizon interval. `rows` are of the same goal and measure.
 */
export function forestPlot(rows: MeasureRow[], currency: string, id: string): string {
  const write = (value: number) => signed(writerOf(rows)(value))
  const ticks = ticksOf(axisOf(rows))
  const first = ticks[0] ?? 0
  const span = (ticks.at(-1) ?? 1) - first || 1
  const x = (value: number) => round(PLOT_START + ((value - first) / span) * (PLOT_END - PLOT_START))
  const bottom = TOP + rows.length * ROW_HEIGHT
  const title = rows[0] === undefined ? '' : measureTitle(rows[0], currency)
  const described = rows.map((row) => describe(row, write)).join(' ')
  return `<svg class="forest" role="img" viewBox="0 0 ${WIDTH} ${bottom + AXIS_HEIGHT}" aria-labelledby="${id}-t ${id}-d">
<title id="${id}-t">${escapeHtml(`Differences in ${title}`)}</title>
<desc id="${id}-d">${escapeHtml(described)}</desc>
${ticks.map((tick) => tickMark(tick === 0 ? '0' : write(tick), x(tick), bottom)).join('\n')}
<line class="zero" x1="${x(0)}" x2="${x(0)}" y1="${TOP - 6}" y2="${bottom}"/>
${rows.map((row, i) => plotRow(row, TOP + i * ROW_HEIGHT + ROW_HEIGHT / 2, x, write)).join('\n')}
</svg>`
}

function plotRow(row: MeasureRow, y: number, x: (value: number) => number, write: Write): string {
  const { comparison, measure } = row
  const { difference } = measure
  const label =
    comparison.kind === 'holdout'
      ? 'campaign against holdout'
      : `${comparison.treatedId} against ${comparison.controlId}`
  const parts = [`<text class="label" x="${LABELS_END}" y="${y + 5}">${escapeHtml(shorten(label))}</text>`]
  if (difference === null) {
    parts.push(
      `<text class="muted" x="${NUMBERS_START}" y="${y + 5}">${escapeHtml('no difference can be formed')}</text>`,
    )
    return parts.join('')
  }
  const { anytime, fixed, estimate } = difference
  if (anytime !== null) {
    const [a, b] = [x(anytime.lower), x(anytime.upper)]
    parts.push(`<path class="anytime" d="M${a} ${y}H${b}M${a} ${y - 7}V${y + 7}M${b} ${y - 7}V${y + 7}"/>`)
  }
  parts.push(
    `<path class="fixed" d="M${x(fixed.lower)} ${y}H${x(fixed.upper)}"/>`,
    `<circle class="estimate" cx="${x(estimate)}" cy="${y}" r="5"/>`,
    `<text class="number" x="${NUMBERS_START}" y="${y - 3}">${escapeHtml(write(estimate))}</text>`,
    `<text class="muted" x="${NUMBERS_START}" y="${y + 13}">${escapeHtml(anytime === null ? 'too early for anytime-valid' : interval(anytime, write))}</text>`,
  )
  return parts.join('')
}

function tickMark(text: string, x: number, bottom: number): string {
  return `<line class="tick" x1="${x}" x2="${x}" y1="${TOP - 6}" y2="${bottom}"/><text class="tick-label" x="${x}" y="${bottom + 18}">${escapeHtml(text)}</text>`
}

/** The drawing in words, for those who do not see it. */
function describe(row: MeasureRow, write: Write): string {
  const { comparison, measure } = row
  const { difference } = measure
  if (difference === null) return `${comparisonTitle(comparison)}: ${lackOf(measure)}.`
  const anytime =
    difference.anytime === null ? lackOf(measure) : `anytime-valid ${interval(difference.anytime, write)}`
  return `${comparisonTitle(comparison)}: ${write(difference.estimate)}, ${anytime}, fixed-horizon ${interval(difference.fixed, write)}.`
}

function interval({ lower, upper }: { lower: number; upper: number }, write: Write): string {
  return `${write(lower)} to ${write(upper)}`
}

/** Round numbers that span the axis, zero among them, at most 7: each step is 1, 2 or 5 times a power of ten. */
function ticksOf({ lower, upper }: { lower: number; upper: number }): number[] {
  const rough = (upper - lower || 1) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10)
  const from = Math.floor(lower / step)
  const to = Math.max(from + 1, Math.ceil(upper / step))
  return Array.from({ length: to - from + 1 }, (_, i) => (from + i) * step)
}

function shorten(label: string): string {
  return label.length > 34 ? `${label.slice(0, 33)}…` : label
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

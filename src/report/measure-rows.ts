import { count, fixedDigits, money, percent, pValue } from './number-format.ts'
import type { Comparison, GoalComparison, Measure, SampleRatio, UpliftReport } from './report-schema.ts'

/** One line of a report for people: one measure of one goal of one comparison. */
export interface MeasureRow {
  comparison: Comparison
  goal: GoalComparison
  what: 'rate' | 'value'
  measure: Measure
  treated: number
  control: number
}

export function measureRows(comparison: Comparison): MeasureRow[] {
  return comparison.goals.flatMap((goal) => {
    const row = { comparison, goal }
    const { treated, control, rate, value } = goal
    const rates: MeasureRow = {
      ...row,
      what: 'rate',
      measure: rate,
      treated: treated.rate,
      control: control.rate,
    }
    if (value === null) return [rates]
    const { valuePerCustomer } = treated
    return [
      rates,
      { ...row, what: 'value', measure: value, treated: valuePerCustomer, control: control.valuePerCustomer },
    ]
  })
}

/** From the least to the greatest end of the rows' intervals, zero included, so that they can be drawn alike. */
export function axisOf(rows: MeasureRow[]): { lower: number; upper: number } {
  const ends = endsOf(rows)
  return { lower: Math.min(0, ...ends), upper: Math.max(0, ...ends) }
}

function endsOf(rows: MeasureRow[]): number[] {
  return rows.flatMap(({ measure }) => {
    const { fixed, anytime } = measure.difference ?? {}
    return [fixed, anytime].flatMap((interval) => (interval ? [interval.lower, interval.upper] : []))
  })
}

/**
 * How numbers of rows of one goal and measure are written: per cent (points), or units of the currency, all
 * with as many digits as show three of the farthest end of an interval and one of the nearest: an interval
 * that leaves out zero shall not look as if it began there.
 */
export function writerOf(rows: MeasureRow[]): (value: number) => string {
  const times = rows[0]?.what === 'rate' ? 100 : 1
  const sizes = endsOf(rows)
    .map((end) => Math.abs(end) * times)
    .filter((size) => size > 0)
  const firstDigit = (size: number) => -Math.floor(Math.log10(size))
  const enough = sizes.length === 0 ? 2 : Math.max(2, 2 + firstDigit(Math.max(...sizes)))
  const nearest = sizes.length === 0 ? 2 : firstDigit(Math.min(...sizes))
  const digits = Math.min(8, Math.max(enough, Math.min(nearest, enough + 2)))
  return (value) => fixedDigits(value * times, digits)
}

/** The rows that share an axis with this one. */
export function alike(row: MeasureRow, rows: MeasureRow[]): MeasureRow[] {
  return rows.filter(({ goal, what }) => goal.goalId === row.goal.goalId && what === row.what)
}

export function comparisonTitle({ kind, treatedId, controlId }: Comparison): string {
  return kind === 'holdout' ? 'The campaign against its holdout' : `Arm “${treatedId}” against “${controlId}”`
}

export function measureTitle({ goal, what }: MeasureRow, currency: string): string {
  return `${goal.goalId}, ${what === 'rate' ? '% of customers' : `${currency} per customer`}`
}

/** Why there is no interval to show: `too early: holdout 3 of 20 conversions`. */
export function lackOf({ guard }: Measure): string {
  if (guard.status === 'no-spread') return 'nobody differs'
  return `too early: ${guard.missing.map(({ groupId, what, has, needs }) => `${groupId} ${count(has)} of ${needs} ${what}`).join(', ')}`
}

export function sampleRatioLine({
  kind,
  groups,
  mismatch,
  decidedBy,
  sequentialP,
  chiSquare,
}: SampleRatio): string {
  const sizes = groups
    .map(
      ({ groupId, customers, expectedCustomers }) =>
        `${groupId} ${count(customers)} (planned ${count(expectedCustomers)})`,
    )
    .join(', ')
  const p = decidedBy === 'sequential' ? `sequential ${pValue(sequentialP)}` : `χ² ${pValue(chiSquare.p)}`
  const said = mismatch ? 'NOT as planned' : 'as planned'
  return `${kind === 'holdout' ? 'Size of the holdout' : 'Sizes of the arms'} ${said}: ${sizes}; ${p}`
}

export function populationLine({
  customers,
  treated,
  heldOut,
  windowOpen,
}: UpliftReport['population']): string {
  const open = windowOpen === 0 ? '' : `; ${count(windowOpen)} of them may still convert`
  return `${count(customers)} customers entered: ${count(treated)} treated, ${count(heldOut)} held out${open}`
}

/** Which interval verdicts rest on, and what it promises. */
export function shownLine({ shown, alpha }: UpliftReport): string {
  const level = percent(1 - alpha, 0)
  return shown === 'anytime'
    ? `Verdicts rest on the ${level} anytime-valid intervals: right however often somebody looks. The fixed-horizon ones are right for one look, at the end that was planned.`
    : `Verdicts rest on the ${level} fixed-horizon intervals: right for one look, at the end that was planned. The anytime-valid ones are right however often somebody looked.`
}

/** The funnel as name and number. */
export function funnelLines({ funnel, currency }: UpliftReport): [string, string][] {
  const each = (label: string, counts: Record<string, number>): [string, string][] =>
    Object.entries(counts)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, number]) => [`${label} ${name}`, count(number)])
  return [
    ...each('decisions:', funnel.decisions),
    ...each('candidates excluded by', funnel.exclusions),
    ...each('messages', funnel.messages),
    ...each('sent with', funnel.sentByTreatment),
    ['messages clicked', count(funnel.messagesClicked)],
    ['clicks', count(funnel.clicks)],
    ['cost of sends', money(funnel.costMicros / 1_000_000, currency)],
  ]
}

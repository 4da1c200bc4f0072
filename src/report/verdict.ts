import type { Unjudged } from './compare-groups.ts'
import { count, money, percent, perThousand, pValue } from './number-format.ts'
import type {
  Comparison,
  Effect,
  Measure,
  ReportVerdict,
  SampleRatio,
  UpliftReport,
  VerdictCode,
} from './report-schema.ts'

export interface VerdictInput {
  kind: Comparison['kind']
  treatedId: string
  controlId: string
  goalId: string
  what: 'rate' | 'value'
  measure: Unjudged
  treatedCustomers: number
  holmP: number | null
  /** Measures compared together: the size of Holm's family. */
  compared: number
  alpha: number
  shown: UpliftReport['shown']
  /** The groups are not the sizes that were planned. */
  mismatch: boolean
  currency: string
}

/** What may be said about one measure of one comparison, in plain words; refuses where nothing may. */
export function measureVerdict(input: VerdictInput): ReportVerdict {
  const { measure, shown, what, mismatch, holmP, alpha } = input
  if (mismatch)
    return {
      code: 'withheld',
      sentence: `${onGoal(input)} no verdict on ${subject(input)}: the groups are not the sizes that were planned.`,
    }
  const { difference, guard } = measure
  // Newcombe's interval is right for the smallest counts, Welch's is not: an ended campaign answers for its
  // rates in any case, for its values only with enough payers.
  const tooSmall = guard.status === 'too-early' && (shown === 'anytime' || what === 'value')
  const interval = difference?.[shown] ?? null
  if (tooSmall || interval === null || difference === null) return notEnough(input)
  if (interval.lower <= 0 && interval.upper >= 0) return noDifference(input, difference)
  if (holmP === null || holmP >= alpha) return notAfterCorrection(input, difference)
  return found(input, difference)
}

/** The report's first lines: about sizes if these are wrong, else about the main goal. */
export function headline(report: Omit<UpliftReport, 'headline'>): UpliftReport['headline'] {
  const mismatches = report.sampleRatios.filter(({ mismatch }) => mismatch)
  if (report.population.customers === 0) {
    return { code: 'no-customers', sentences: ['No customer has entered the campaign yet.'] }
  }
  if (mismatches.length > 0) return { code: 'withheld', sentences: mismatches.map(mismatchSentence) }
  const main = report.comparisons.flatMap(mainMeasures)
  const hasHoldout = report.sampleRatios.some(({ kind }) => kind === 'holdout')
  const noHoldout = 'No customer is held out, so there is nothing to compare the campaign as a whole with.'
  if (main.length === 0) return { code: 'no-holdout', sentences: [noHoldout] }
  return {
    code: overall(main.map(({ verdict }) => verdict.code)),
    sentences: [
      ...main.map(({ verdict }) => verdict.sentence),
      ...(report.stopping === null ? [] : [report.stopping.sentence]),
      ...(hasHoldout ? [] : [noHoldout]),
    ],
  }
}

/** Of the campaign's main goal, which comes first. */
function mainMeasures({ goals }: Comparison): Measure[] {
  return goals.slice(0, 1).flatMap(({ rate, value }) => (value === null ? [rate] : [rate, value]))
}

/** The strongest thing that was said, findings before refusals. */
function overall(codes: VerdictCode[]): VerdictCode {
  const order: VerdictCode[] = [
    'adds',
    'takes-away',
    'not-after-correction',
    'no-difference-shown',
    'too-early',
    'too-few',
  ]
  return order.find((code) => codes.includes(code)) ?? 'too-early'
}

function mismatchSentence({ kind, groups, decidedBy, sequentialP, chiSquare }: SampleRatio): string {
  const sizes = groups
    .map(
      ({ groupId, customers, expectedCustomers }) =>
        `${groupName(groupId)} ${count(customers)} (planned ${count(expectedCustomers)})`,
    )
    .join(', ')
  const p = pValue(decidedBy === 'sequential' ? sequentialP : chiSquare.p)
  const what = kind === 'holdout' ? 'The holdout is' : "The experiment's arms are"
  return (
    `${what} not the size that was planned: ${sizes}; ${p}. Something assigns, loses or counts customers ` +
    'unequally, so no verdict is given until that is found.'
  )
}

function notEnough(input: VerdictInput): ReportVerdict {
  const { measure, shown, treatedId, controlId } = input
  const lack = measure.guard.missing
    .map(
      ({ groupId, what, has, needs }) =>
        `${groupName(groupId)} has ${count(has)} of the ${needs} ${what} it takes`,
    )
    .join(', ')
  const why = lack !== '' ? lack : `${groupName(treatedId)} and ${groupName(controlId)} show no spread`
  const ended = shown === 'fixed'
  return {
    code: ended ? 'too-few' : 'too-early',
    sentence: `${onGoal(input)} ${ended ? 'it ended with too little data' : 'it is too early'} to judge what ${subject(input)} does to ${measured(input)}: ${why}.`,
  }
}

function noDifference(input: VerdictInput, difference: Effect): ReportVerdict {
  const yet = input.shown === 'anytime' ? ' yet' : ''
  return {
    code: 'no-difference-shown',
    sentence:
      `${onGoal(input)} ${subject(input)} shows no difference in ${measured(input)}${yet}: the data allow from ` +
      `${range(input, difference)} per 1,000 customers than in ${groupName(input.controlId)}.`,
  }
}

function notAfterCorrection(input: VerdictInput, difference: Effect): ReportVerdict {
  const { holmP, compared } = input
  return {
    code: 'not-after-correction',
    sentence:
      `${onGoal(input)} the interval of ${subject(input)} for ${measured(input)} by itself leaves out zero (from ` +
      `${range(input, difference)} per 1,000 customers), but among ${compared} comparisons looked at together that may ` +
      `be chance (Holm ${pValue(holmP ?? 1)}).`,
  }
}

function found(input: VerdictInput, difference: Effect): ReportVerdict {
  const { treatedCustomers, controlId, what, measure } = input
  const { lower, upper } = shownInterval(input, difference)
  const adds = lower > 0
  const [least, most] = adds ? [lower, upper] : [-upper, -lower]
  const lift = measure.relative?.estimate ?? null
  const relative = lift === null ? '' : ` (${percent(Math.abs(lift), 0)} ${adds ? 'more' : 'less'})`
  return {
    code: adds ? 'adds' : 'takes-away',
    sentence:
      `${onGoal(input)} ${subject(input)} ${adds ? 'adds' : 'takes away'} between ${amount(input, least)} and ` +
      `${amount(input, most)}${what === 'rate' ? ' conversions' : ''} per 1,000 customers against ${groupName(controlId)}` +
      `${relative}: ${total(input, least * treatedCustomers)} to ${total(input, most * treatedCustomers)} among ` +
      `${count(treatedCustomers)} customers.`,
  }
}

function shownInterval(
  { shown }: VerdictInput,
  { anytime, fixed }: Effect,
): { lower: number; upper: number } {
  return (shown === 'anytime' ? anytime : null) ?? fixed
}

function onGoal({ goalId }: VerdictInput): string {
  return `On “${goalId}”,`
}

function subject({ kind, treatedId }: VerdictInput): string {
  return kind === 'holdout' ? 'the campaign' : `arm “${treatedId}”`
}

function groupName(groupId: string): string {
  if (groupId === 'treated') return 'the treated group'
  return groupId === 'holdout' ? 'the holdout' : `“${groupId}”`
}

function measured({ what }: VerdictInput): string {
  return what === 'rate' ? 'conversions' : 'the value'
}

/** Per 1,000 customers. */
function amount({ what, currency }: VerdictInput, perCustomer: number): string {
  return what === 'rate' ? perThousand(perCustomer) : money(perCustomer * 1000, currency)
}

/** `27.1 fewer to 6.02 more`. */
function range(input: VerdictInput, difference: Effect): string {
  const fewer = input.what === 'rate' ? 'fewer' : 'less'
  const { lower, upper } = shownInterval(input, difference)
  const end = (perCustomer: number) =>
    `${amount(input, Math.abs(perCustomer))} ${perCustomer < 0 ? fewer : 'more'}`
  return `${end(lower)} to ${end(upper)}`
}

function total({ what, currency }: VerdictInput, units: number): string {
  return what === 'rate' ? count(units) : money(units, currency)
}

import type { Goal } from '#contracts/campaign.ts'
import { type AnytimeGuardInput, anytimeGuard } from '#statistics/anytime-guard.ts'
import { anytimeValid } from '#statistics/anytime-valid.ts'
import type { Difference, Interval } from '#statistics/difference.ts'
import { differenceInRates } from '#statistics/difference-in-rates.ts'
import { type MeanMoments, momentsFromIntegers, momentsFromRate } from '#statistics/mean-moments.ts'
import { relativeLift } from '#statistics/relative-lift.ts'
import { welch } from '#statistics/welch.ts'
import { wilsonInterval } from '#statistics/wilson-interval.ts'
import type { GoalTally } from './population-rows.ts'
import type { Effect, GroupResult, Incremental, Measure, MeasureGuard } from './report-schema.ts'

const MICROS_PER_UNIT = 1_000_000

/** A group's customers and what they did towards the goal. */
export interface GroupTally extends GoalTally {
  groupId: string
  customers: number
}

/** A measure before all of them are judged together. */
export type Unjudged = Omit<Measure, 'holmP' | 'verdict'>

export interface ComparedGoal {
  goalId: string
  treated: GroupResult
  control: GroupResult
  rate: Unjudged
  value: Unjudged | null
}

/** Rates and values of two groups for one goal, with every interval. */
export function compareGroups(
  goal: Goal,
  treated: GroupTally,
  control: GroupTally,
  alpha: number,
): ComparedGoal {
  return {
    goalId: goal.id,
    treated: groupResult(treated, alpha),
    control: groupResult(control, alpha),
    rate: compareRates(treated, control, alpha),
    value: goal.value === undefined ? null : compareValues(treated, control, alpha),
  }
}

function groupResult(group: GroupTally, alpha: number): GroupResult {
  const { groupId, customers, conversions, payers, sumMicros } = group
  const value = valueMoments(group)
  return {
    groupId,
    customers,
    conversions,
    rate: customers === 0 ? 0 : conversions / customers,
    rateInterval: wilsonInterval({ n: customers, conversions }, alpha),
    payers,
    valueSum: Number(sumMicros) / MICROS_PER_UNIT,
    valuePerCustomer: value.mean,
    valueVariance: value.variance,
  }
}

function compareRates(treated: GroupTally, control: GroupTally, alpha: number): Unjudged {
  const a = { n: treated.customers, conversions: treated.conversions }
  const b = { n: control.customers, conversions: control.conversions }
  return measure({
    groups: [treated, control],
    difference: differenceInRates(a, b, alpha),
    relative: relativeLift(momentsFromRate(a), momentsFromRate(b), alpha),
    guard: { kind: 'binary', arms: [a, b] },
    alpha,
  })
}

function compareValues(treated: GroupTally, control: GroupTally, alpha: number): Unjudged {
  const a = valueMoments(treated)
  const b = valueMoments(control)
  return measure({
    groups: [treated, control],
    difference: welch(a, b, alpha),
    relative: relativeLift(a, b, alpha),
    guard: { kind: 'value', arms: [treated, control] },
    alpha,
  })
}

function valueMoments({ customers, sumMicros, sumOfSquares }: GroupTally): MeanMoments {
  return momentsFromIntegers({ n: customers, sum: sumMicros, sumOfSquares }, MICROS_PER_UNIT)
}

function measure(input: {
  groups: [GroupTally, GroupTally]
  difference: Difference | null
  relative: Difference | null
  guard: AnytimeGuardInput
  alpha: number
}): Unjudged {
  const { groups, alpha } = input
  const enough = missing(input.guard, groups).length === 0
  const n = groups[0].customers + groups[1].customers
  const effectOf = (difference: Difference | null) => difference && effect(difference, enough ? n : 0, alpha)
  const difference = effectOf(input.difference)
  return {
    difference,
    relative: effectOf(input.relative),
    incremental: difference && incremental(difference, groups[0].customers),
    guard: guardOf(input.guard, groups, difference),
  }
}

/** `n` customers in both groups; 0 keeps the anytime-valid interval back. */
function effect(difference: Difference, n: number, alpha: number): Effect {
  const { estimate, standardError, statistic, p, interval, degreesOfFreedom } = difference
  const anytime = anytimeValid({ estimate, standardError, n, alpha })
  return {
    estimate,
    standardError,
    statistic,
    degreesOfFreedom: degreesOfFreedom ?? null,
    p,
    fixed: interval,
    anytime: anytime?.interval ?? null,
    anytimeP: anytime?.p ?? null,
  }
}

function incremental({ estimate, fixed, anytime }: Effect, treated: number): Incremental {
  const times = ({ lower, upper }: Interval) => ({ lower: lower * treated, upper: upper * treated })
  return { estimate: estimate * treated, fixed: times(fixed), anytime: anytime && times(anytime) }
}

function guardOf(input: AnytimeGuardInput, groups: GroupTally[], difference: Effect | null): MeasureGuard {
  const short = missing(input, groups)
  if (short.length > 0) return { status: 'too-early', missing: short }
  return { status: difference?.anytime == null ? 'no-spread' : 'ok', missing: [] }
}

function missing(input: AnytimeGuardInput, groups: GroupTally[]): MeasureGuard['missing'] {
  const guard = anytimeGuard(input)
  if (guard.kind === 'ok') return []
  return guard.missing.map(({ arm, what, has, needs }) => ({
    groupId: groups[arm]?.groupId ?? '',
    what,
    has,
    needs,
  }))
}

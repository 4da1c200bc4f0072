import type { CampaignSpec, CampaignState, Experiment } from '#contracts/campaign.ts'
import type { PopulationCell } from './population-rows.ts'
import type { Comparison, Measure, Stopping } from './report-schema.ts'
import type { SampleRatios } from './sample-ratios.ts'

const dayMs = 86_400_000

/**
 * What the experiment's stopping rule says of the arms' verdicts. These rest on the anytime-valid interval
 * behind its guard, Holm-corrected over the arms, so a rule that is asked at every look still errs in one
 * experiment of twenty at most. Harm is told at once; a winner only after the minimum of days.
 */
export function stoppingVerdict(input: {
  spec: CampaignSpec
  state: CampaignState
  comparisons: readonly Comparison[]
  ratios: SampleRatios
  cells: readonly PopulationCell[]
  now: number
}): Stopping | null {
  const { spec, state, comparisons, ratios, cells, now } = input
  const { policy } = spec
  if (policy.kind !== 'fixed-split' || policy.shipped !== undefined || state === 'ended') return null
  const { stopping, arms } = policy.experiment
  if (stopping === undefined) return null
  if (ratios.arms?.mismatch === true)
    return say('withheld', '', 'No advice: the arms are not the sizes that were planned.')
  const started = cells.reduce((first, { firstEnteredAt }) => Math.min(first, firstEnteredAt), now)
  const days = (now - started) / dayMs
  const judged = comparisons
    .filter(({ kind }) => kind === 'arm')
    .map((comparison) => ({ arm: comparison.treatedId, measure: measureOf(comparison, stopping.measure) }))
  return advise(stopping, arms, judged, days)
}

interface JudgedArm {
  arm: string
  measure: Measure | null
}

function advise(
  { minimumDays, maximumDays }: NonNullable<Experiment['stopping']>,
  arms: Experiment['arms'],
  judged: readonly JudgedArm[],
  days: number,
): Stopping {
  const best = judged
    .filter(({ arm, measure }) => measure?.verdict.code === 'adds' && hasTreatment(arms, arm))
    .toSorted((a, b) => estimateOf(b) - estimateOf(a))[0]
  if (best !== undefined && days >= minimumDays)
    return say('ship', best.arm, `Stop: ship “${best.arm}” (starling campaign ship CAMPAIGN ${best.arm}).`)
  const worst = judged
    .filter(({ measure }) => measure?.verdict.code === 'takes-away')
    .toSorted((a, b) => estimateOf(a) - estimateOf(b))[0]
  if (worst !== undefined)
    return say('harm', worst.arm, `Stop “${worst.arm}”: it does worse than the control arm.`)
  if (best !== undefined) {
    const left = Math.ceil(minimumDays - days)
    return say('keep-on', best.arm, `Keep on: “${best.arm}” leads, and the rule waits ${left} more days.`)
  }
  if (maximumDays !== undefined && days >= maximumDays) {
    const sentence = `Stop: in ${maximumDays} days no arm was shown to be better than the control arm.`
    return say('no-winner', '', sentence)
  }
  return say('keep-on', '', 'Keep on: no arm is decided yet.')
}

function measureOf({ goals }: Comparison, measure: 'conversions' | 'value'): Measure | null {
  const main = goals[0]
  if (main === undefined) return null
  return measure === 'value' ? (main.value ?? main.rate) : main.rate
}

function estimateOf({ measure }: JudgedArm): number {
  return measure?.difference?.estimate ?? 0
}

/** An arm that sends nothing cannot be shipped: ending the campaign does that. */
function hasTreatment(arms: Experiment['arms'], arm: string): boolean {
  return arms.some(({ id, treatment }) => id === arm && treatment !== undefined)
}

function say(code: Stopping['code'], arm: string, sentence: string): Stopping {
  return { code, arm, sentence }
}

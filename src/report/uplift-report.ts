import { setImmediate } from 'node:timers/promises'
import type { CampaignSpec, CampaignState, Goal } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { ALPHA_DEFAULT } from '#statistics/difference.ts'
import { holm } from '#statistics/many-comparisons.ts'
import { type ComparedGoal, compareGroups, type GroupTally, type Unjudged } from './compare-groups.ts'
import { customerPages } from './customer-pages.ts'
import { fairnessChecks, fairnessNotes } from './fairness.ts'
import { countTreated } from './fairness-rows.ts'
import { addToFunnel, emptyFunnel, inOrder } from './funnel-rows.ts'
import {
  addConverter,
  emptyTally,
  type GoalTally,
  loadConverters,
  loadPopulation,
  type PopulationCell,
} from './population-rows.ts'
import type { Comparison, FairnessCheck, Funnel, Measure, UpliftReport } from './report-schema.ts'
import { type SampleRatios, sampleRatios } from './sample-ratios.ts'
import { stoppingVerdict } from './stopping-verdict.ts'
import { headline, measureVerdict } from './verdict.ts'

export interface UpliftReportInput {
  spec: CampaignSpec
  state: CampaignState
  version: number
  now: InstantMs
  /** ISO 4217: the workspace's reporting currency. */
  currency: string
  /** Share of customers held out of everything; 0 to 1. */
  globalHoldout: number
}

/**
 * A campaign's uplift by intention to treat: everybody with an assignment, in the group they were assigned
 * to, whatever was sent or seen. Counted anew from the primary rows. `db` should be of a snapshot, since
 * it is read in many queries.
 */
export async function buildUpliftReport(db: WorkspaceDb, input: UpliftReportInput): Promise<UpliftReport> {
  const { spec, state, version, now, currency } = input
  const goals = goalsOf(spec)
  const counted = await countPopulation(db, spec, goals, now)
  const ratios = await sampleRatios(db, { ...input, cells: counted.cells })
  const shown = state === 'ended' ? 'fixed' : 'anytime'
  const comparisons = [
    ...judge(compareWithHoldout(counted, goals, ratios), ratios, shown, currency),
    ...judge(compareArms(counted, goals, spec), ratios, shown, currency),
  ]
  const fairness = await checkFairness(db, spec)
  const facts = {
    campaignId: spec.campaignId,
    name: spec.name,
    version,
    state,
    generatedAt: now,
    currency,
    alpha: ALPHA_DEFAULT,
    shown,
    population: populationOf(counted.cells),
    goals: goals.map((goal) => ({
      goalId: goal.id,
      event: goal.event,
      windowHours: goal.windowHours,
      hasValue: goal.value !== undefined,
    })),
    sampleRatios: [ratios.holdout, ratios.arms].filter((ratio) => ratio !== null),
    comparisons,
    stopping: stoppingVerdict({ spec, state, comparisons, ratios, cells: counted.cells, now }),
    fairness: fairness.checks,
    funnel: inOrder(counted.funnel),
    notes: [...(ratios.sharesChanged ? [SHARES_CHANGED] : []), ...shippedNotes(spec), ...fairness.notes],
  } satisfies Omit<UpliftReport, 'headline'>
  return { ...facts, headline: headline(facts) }
}

/** Counted apart: a campaign that watches over nothing pays nothing for it. */
export async function checkFairness(
  db: WorkspaceDb,
  { campaignId, fairness, treatments }: CampaignSpec,
): Promise<{ checks: FairnessCheck[]; notes: string[] }> {
  if (fairness === undefined) return { checks: [], notes: [] }
  const tallies = await countTreated(db, campaignId, fairness.attributes)
  const treatmentIds = treatments.map(({ treatmentId }) => treatmentId)
  const checks = fairnessChecks(tallies, treatmentIds, fairness)
  return { checks, notes: fairnessNotes(checks, fairness) }
}

function shippedNotes({ policy }: CampaignSpec): string[] {
  if (policy.kind !== 'fixed-split' || policy.shipped === undefined) return []
  return [
    `Arm “${policy.shipped}” was shipped: everybody gets its treatment now. Who entered before still counts in ` +
      'their own arm, so what is compared fades from then on; the figures it was shipped by stand in its version.',
  ]
}

const SHARES_CHANGED =
  'The planned shares of the groups changed while customers entered. The groups then differ in when their ' +
  'customers came, and a trend over time can look like an effect.'

interface Counted {
  cells: PopulationCell[]
  /** By goal id, then by group of customers. */
  tallies: Map<string, Map<string, GoalTally>>
  funnel: Funnel
}

async function countPopulation(
  db: WorkspaceDb,
  spec: CampaignSpec,
  goals: Goal[],
  now: number,
): Promise<Counted> {
  const windowOpensAfter = Math.floor(now - spec.goal.windowHours * 3_600_000)
  const cells: PopulationCell[] = []
  const tallies = new Map(goals.map((goal) => [goal.id, new Map<string, GoalTally>()]))
  const funnel = emptyFunnel()
  for await (const page of customerPages(db, spec.campaignId)) {
    cells.push(...(await loadPopulation(db, spec.campaignId, page, windowOpensAfter)))
    for (const goal of goals) {
      const ofGoal = tallies.get(goal.id)
      for (const { heldOut, arm, valueMicros } of await loadConverters(db, spec.campaignId, goal, page)) {
        const key = groupKey(heldOut, arm)
        const tally = ofGoal?.get(key) ?? { ...emptyTally }
        ofGoal?.set(key, tally)
        addConverter(tally, valueMicros)
      }
    }
    await setImmediate()
    await addToFunnel(funnel, db, spec.campaignId, page)
  }
  return { cells, tallies, funnel }
}

/** The main goal first; a goal that is measured twice counts once. */
function goalsOf(spec: CampaignSpec): Goal[] {
  return [...new Map([spec.goal, ...spec.alsoMeasure].map((goal) => [goal.id, goal])).values()]
}

function groupKey(heldOut: boolean, arm: string): string {
  return `${heldOut ? 1 : 0}${arm}`
}

type Compared = Omit<Comparison, 'goals'> & { goals: ComparedGoal[] }

/** Nothing where nobody is to be held out and nobody is. */
function compareWithHoldout(counted: Counted, goals: Goal[], ratios: SampleRatios): Compared[] {
  if (ratios.holdout === null) return []
  const group = (groupId: string, heldOut: boolean) => (goal: Goal) =>
    groupTally(counted, goal, groupId, (cell) => cell.heldOut === heldOut)
  const treated = group('treated', false)
  const control = group('holdout', true)
  return [
    {
      kind: 'holdout',
      treatedId: 'treated',
      controlId: 'holdout',
      goals: goals.map((goal) => compareGroups(goal, treated(goal), control(goal), ALPHA_DEFAULT)),
    },
  ]
}

/** Every other arm against the control arm, among those who are not held out. */
function compareArms(counted: Counted, goals: Goal[], spec: CampaignSpec): Compared[] {
  if (spec.policy.kind !== 'fixed-split' || counted.cells.length === 0) return []
  const { arms } = spec.policy.experiment
  const control = arms.find((arm) => arm.control)
  if (control === undefined) return []
  const tally = (goal: Goal, arm: string) =>
    groupTally(counted, goal, arm, (cell) => !cell.heldOut && cell.arm === arm)
  return arms
    .filter(({ id }) => id !== control.id)
    .map(({ id }) => ({
      kind: 'arm',
      treatedId: id,
      controlId: control.id,
      goals: goals.map((goal) =>
        compareGroups(goal, tally(goal, id), tally(goal, control.id), ALPHA_DEFAULT),
      ),
    }))
}

function groupTally(
  { cells, tallies }: Counted,
  goal: Goal,
  groupId: string,
  belongs: (cell: Pick<PopulationCell, 'heldOut' | 'arm'>) => boolean,
): GroupTally {
  const own = cells.filter(belongs)
  const group: GroupTally = {
    ...emptyTally,
    groupId,
    customers: own.reduce((sum, { customers }) => sum + customers, 0),
  }
  for (const key of new Set(own.map(({ heldOut, arm }) => groupKey(heldOut, arm)))) {
    const tally = tallies.get(goal.id)?.get(key) ?? emptyTally
    group.conversions += tally.conversions
    group.payers += tally.payers
    group.sumMicros += tally.sumMicros
    group.sumOfSquares += tally.sumOfSquares
  }
  return group
}

/**
 * Verdicts over comparisons of one kind. Holm's family is fixed by the campaign, not by the data: a measure
 * that has no p yet takes part with p = 1.
 */
function judge(
  compared: Compared[],
  ratios: SampleRatios,
  shown: UpliftReport['shown'],
  currency: string,
): Comparison[] {
  const measures = compared.flatMap(({ goals }) =>
    goals.flatMap(({ rate, value }) => (value ? [rate, value] : [rate])),
  )
  const shownP = ({ difference }: Unjudged) =>
    (shown === 'anytime' ? difference?.anytimeP : difference?.p) ?? null
  const adjusted = holm(measures.map((measure) => shownP(measure) ?? 1))
  const holmPs = new Map(
    measures.map((measure, i) => [measure, shownP(measure) === null ? null : (adjusted[i] ?? null)]),
  )
  return compared.map((comparison) => {
    const { kind, treatedId, controlId } = comparison
    const mismatch = (kind === 'holdout' ? ratios.holdout : ratios.arms)?.mismatch ?? false
    const judged = (measure: Unjudged, goal: ComparedGoal, what: 'rate' | 'value'): Measure => {
      const holmP = holmPs.get(measure) ?? null
      const verdict = measureVerdict({
        kind,
        treatedId,
        controlId,
        goalId: goal.goalId,
        what,
        measure,
        treatedCustomers: goal.treated.customers,
        holmP,
        compared: measures.length,
        alpha: ALPHA_DEFAULT,
        shown,
        mismatch,
        currency,
      })
      return { ...measure, holmP, verdict }
    }
    return {
      ...comparison,
      goals: comparison.goals.map((goal) => ({
        ...goal,
        rate: judged(goal.rate, goal, 'rate'),
        value: goal.value && judged(goal.value, goal, 'value'),
      })),
    }
  })
}

function populationOf(cells: PopulationCell[]): UpliftReport['population'] {
  const sum = (of: (cell: PopulationCell) => number) => cells.reduce((total, cell) => total + of(cell), 0)
  const times = cells.flatMap(({ firstEnteredAt, lastEnteredAt }) => [firstEnteredAt, lastEnteredAt])
  return {
    customers: sum(({ customers }) => customers),
    treated: sum(({ heldOut, customers }) => (heldOut ? 0 : customers)),
    heldOut: sum(({ heldOut, customers }) => (heldOut ? customers : 0)),
    windowOpen: sum(({ windowOpen }) => windowOpen),
    firstEnteredAt: times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b)),
    lastEnteredAt: times.length === 0 ? null : times.reduce((a, b) => Math.max(a, b)),
  }
}

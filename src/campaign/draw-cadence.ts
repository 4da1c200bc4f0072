import type { BranchOutcome, CadenceSpec, Reentry, StepSpec, Wait } from '#contracts/cadence.ts'
import type { CampaignSpec } from '#contracts/campaign.ts'

export interface StepCount {
  stepId: string
  /** Customers who stand there, and steps taken in all. */
  waiting: number
  passed: number
}

/** A cadence as lines of text: each step with what it is and how many have come by. */
export function drawCadence(
  { cadence, goal }: Pick<CampaignSpec, 'goal'> & { cadence: CadenceSpec },
  counts: readonly StepCount[],
): string {
  const byId = new Map(counts.map((count) => [count.stepId, count]))
  const rows = rowsOf(cadence.steps, '')
  const width = Math.max(...rows.map(({ text }) => text.length))
  const lines = rows.map(({ text, id }) => {
    const count = byId.get(id)
    return count === undefined ? text : `${text.padEnd(width)}  ${countText(count)}`
  })
  return [...lines, '', rulesOf(cadence, goal.id)].join('\n')
}

interface Row {
  /** '' where the row is no step. */
  id: string
  text: string
}

function rowsOf(steps: readonly StepSpec[], indent: string): Row[] {
  return steps.flatMap((step): Row[] => {
    if ('touch' in step) {
      const own = step.touch.treatmentIds.map((id) => id.slice(step.id.length + 1))
      return [{ id: step.id, text: `${indent}* ${step.id}: ${own.join(' or ')}` }]
    }
    if ('wait' in step) return [{ id: step.id, text: `${indent}. ${step.id}: ${waitText(step.wait)}` }]
    return [
      { id: step.id, text: `${indent}? ${step.id}` },
      ...step.branch.flatMap((arm) => way(outcomeText(arm.when), arm.steps, indent)),
      ...way('otherwise', step.otherwise, indent),
    ]
  })
}

function way(when: string, steps: readonly StepSpec[], indent: string): Row[] {
  const empty = steps.length === 0 ? ': go on' : ''
  return [{ id: '', text: `${indent}  - ${when}${empty}` }, ...rowsOf(steps, `${indent}      `)]
}

function waitText(wait: Wait): string {
  if ('hours' in wait) return `wait ${countOf(wait.hours, 'hour')}`
  if (!('untilLocal' in wait)) return `wait ${countOf(wait.days, 'day')}`
  const days = wait.days === undefined ? '' : `, ${countOf(wait.days, 'day')} later`
  const on = wait.weekdays === undefined ? '' : `, ${wait.weekdays.join(' or ')}`
  return `wait until ${wait.untilLocal} local time${days}${on}`
}

function outcomeText(when: BranchOutcome): string {
  if ('clicked' in when) return `clicked ${when.clicked}`
  if ('opened' in when) return `opened ${when.opened}`
  if ('converted' in when) return 'met the goal'
  if ('condition' in when) return `where ${JSON.stringify(when.condition)}`
  const where = when.where === undefined ? '' : ` where ${JSON.stringify(when.where)}`
  return `${when.event}${where} since ${when.since ?? 'the entry'}`
}

function rulesOf({ exit, reentry, inside }: CadenceSpec, goalId: string): string {
  const ends = [
    ...(exit.onGoal ? [`the goal ${goalId}`] : []),
    ...exit.on.map(({ event, where }) =>
      where === undefined ? event : `${event} where ${JSON.stringify(where)}`,
    ),
    ...(exit.when === undefined ? [] : [JSON.stringify(exit.when)]),
  ]
  const leaves = ends.length === 0 ? 'nothing ends it early' : `left on ${ends.join(', or ')}`
  return `${leaves}; ${reentryText(reentry)}; this version lets those inside an older one ${inside}`
}

function reentryText(reentry: Reentry): string {
  if (reentry === 'never') return 'entered once'
  if (reentry === 'always') return 'entered again at any time after the end'
  return `entered again ${countOf(reentry.afterDays, 'day')} after the end`
}

function countText({ waiting, passed }: StepCount): string {
  return waiting === 0 ? `${passed} passed` : `${waiting} waiting, ${passed} passed`
}

function countOf(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

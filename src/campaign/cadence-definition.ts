import type { BranchOutcome, CadenceSpec, Step, StepSpec } from '#contracts/cadence.ts'
import type { Campaign } from '#contracts/campaign.ts'
import { checkCondition } from './check-definitions.ts'
import type { DefinitionFault } from './definition-fault.ts'
import type { Definitions } from './definitions.ts'

type Touch = Extract<Step, { touch: unknown }>

/** A cadence's steps with a touch's treatments named by their ids, and its rules with their defaults. */
export function resolveSteps(campaign: Campaign, steps: readonly Step[]): CadenceSpec {
  return {
    steps: steps.map(resolveStep),
    exit: campaign.exit ?? { onGoal: true, on: [] },
    reentry: campaign.reentry ?? 'never',
    inside: campaign.inside ?? 'finish',
  }
}

/** Every touch in the order in which it is written, with its place: `steps[1].branch[0].steps[2]`. */
export function touchesOf(steps: readonly Step[], at: string): { at: string; step: Touch }[] {
  return walk(steps, at).flatMap(({ at: place, step }) => ('touch' in step ? [{ at: place, step }] : []))
}

/** What the schema cannot tell of a cadence; of a campaign without steps that it has treatments. */
export function checkCadence(campaign: Campaign, field: string, definitions: Definitions): DefinitionFault[] {
  const { steps, treatments, trigger, policy } = campaign
  const fault = (at: string, detail: string): DefinitionFault => ({ field: `${field}.${at}`, detail })
  if (steps === undefined) {
    const rules = (['exit', 'reentry', 'inside'] as const).filter((rule) => campaign[rule] !== undefined)
    return [
      ...(treatments.length === 0 ? [fault('treatments', 'at least one treatment, or steps')] : []),
      ...rules.map((rule) => fault(rule, 'only a campaign with steps has it')),
    ]
  }
  const faults: DefinitionFault[] = []
  if (treatments.length > 0)
    faults.push(fault('treatments', 'each touch has treatments of its own: leave these out'))
  if (policy.kind === 'fixed-split')
    faults.push(fault('policy', 'a cadence chooses by score: its holdout is the comparison'))
  if ('placement' in trigger || 'imported' in trigger)
    faults.push(fault('trigger', 'a cadence begins with an event, a segment, a schedule or an absence'))
  const places = walk(steps, 'steps')
  if (touchesOf(steps, 'steps').length === 0) faults.push(fault('steps', 'at least one step is a touch'))
  faults.push(...checkIds(places, fault))
  for (const { at, step, before } of places) {
    if (!('branch' in step)) continue
    for (const [i, { when }] of step.branch.entries()) {
      const place = `${at}.branch[${i}].when`
      for (const detail of namedFaults(when, before)) faults.push(fault(place, detail))
      if ('condition' in when)
        faults.push(
          ...checkCondition(when.condition, `${field}.${place}.condition`, definitions, 'without-event'),
        )
      if ('event' in when)
        faults.push(...checkCondition(when.where, `${field}.${place}.where`, definitions, 'with-event'))
    }
  }
  const { on = [], when } = campaign.exit ?? {}
  for (const [i, { where }] of on.entries())
    faults.push(...checkCondition(where, `${field}.exit.on[${i}].where`, definitions, 'with-event'))
  faults.push(...checkCondition(when, `${field}.exit.when`, definitions, 'without-event'))
  return faults
}

interface Place {
  at: string
  step: Step
  /** Steps that a journey may have passed when it comes here. */
  before: ReadonlyMap<string, Step>
}

/** Every step with its place, in the order in which they are written. */
function walk(steps: readonly Step[], at: string, before: ReadonlyMap<string, Step> = new Map()): Place[] {
  const places: Place[] = []
  const passed = new Map(before)
  for (const [i, step] of steps.entries()) {
    const place = `${at}[${i}]`
    places.push({ at: place, step, before: new Map(passed) })
    passed.set(step.id, step)
    if (!('branch' in step)) continue
    const ways = [
      ...step.branch.map((arm, j) => ({ own: arm.steps, to: `${place}.branch[${j}].steps` })),
      { own: step.otherwise, to: `${place}.otherwise` },
    ]
    const inside = ways.flatMap(({ own, to }) => walk(own, to, passed))
    places.push(...inside)
    for (const each of inside) passed.set(each.step.id, each.step)
  }
  return places
}

function checkIds(
  places: readonly Place[],
  fault: (at: string, detail: string) => DefinitionFault,
): DefinitionFault[] {
  const seen = new Map<string, string>()
  return places.flatMap(({ at, step: { id } }) => {
    const first = seen.get(id)
    if (first !== undefined) return [fault(`${at}.id`, `${id} is the id of ${first} already`)]
    seen.set(id, at)
    return []
  })
}

/** A branch looks back: at touches, and at steps, that come before it. */
function namedFaults(when: BranchOutcome, before: ReadonlyMap<string, Step>): string[] {
  if ('event' in when && when.since !== undefined)
    return before.has(when.since) ? [] : [`no step ${when.since} comes before this branch`]
  const touch = 'clicked' in when ? when.clicked : 'opened' in when ? when.opened : undefined
  if (touch === undefined) return []
  const step = before.get(touch)
  return step !== undefined && 'touch' in step ? [] : [`no touch ${touch} comes before this branch`]
}

function resolveStep(step: Step): StepSpec {
  if ('wait' in step) return step
  if ('touch' in step) {
    const treatmentIds = step.touch.treatments.map(({ offer, channel }) => `${step.id}/${offer}/${channel}`)
    return { id: step.id, touch: { treatmentIds } }
  }
  return {
    id: step.id,
    branch: step.branch.map(({ when, steps }) => ({ when, steps: steps.map(resolveStep) })),
    otherwise: step.otherwise.map(resolveStep),
  }
}

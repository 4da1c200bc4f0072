import type { BranchOutcome, CadenceSpec, Reentry, StepSpec, Wait } from '#contracts/cadence.ts'
import type { CampaignSpec } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { Condition } from '#contracts/condition.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Profile } from '#contracts/profile.ts'
import { stableId } from '#platform/ids/ids.ts'
import { canonicalJson } from './canonical-json.ts'

export interface Moment {
  profile: Profile
  now: InstantMs
  event?: { name: string; properties: JsonObject }
}
export type Predicate = (moment: Moment) => boolean

/** A step laid out: where the journey goes on after it, null at the end. */
export type CadenceStep = { id: string; next: string | null } & (
  | { kind: 'wait'; wait: Wait }
  | { kind: 'touch'; treatmentIds: ReadonlySet<string> }
  | { kind: 'branch'; arms: { when: Looking; first: string | null }[]; otherwise: string | null }
)

/** What a branch asks: a mark since a step (or the entry), or a condition now. */
export type Looking = { mark: string; since?: string } | { condition: Predicate }

/** An event that journeys listen to. */
interface Listener {
  event: string
  where: Predicate
  /** Set when it is heard. */
  mark: string
  /** Why the journey is left; null where it goes on. */
  leaves: string | null
}

/** A campaign version's cadence, compiled once. */
export interface Cadence {
  first: string
  steps: ReadonlyMap<string, CadenceStep>
  listeners: Listener[]
  exitWhen: Predicate | null
  reentry: Reentry
}

const convertedMark = 'converted'

/** The spec's cadence laid out step by step. */
export function compileCadence(
  spec: CampaignSpec & { cadence: CadenceSpec },
  compile: (condition: Condition) => Predicate,
): Cadence {
  const { cadence, goal } = spec
  const steps = new Map<string, CadenceStep>()
  const listeners = new Map<string, Listener>()
  const predicate = (condition: Condition | undefined) =>
    condition === undefined ? always : compile(condition)
  const listen = (mark: string, event: string, where: Condition | undefined, leaves: string | null): void => {
    const known = listeners.get(mark)
    listeners.set(mark, { event, where: predicate(where), mark, leaves: leaves ?? known?.leaves ?? null })
  }
  listen(convertedMark, goal.event, goal.where, cadence.exit.onGoal ? 'goal_met' : null)
  for (const { event, where } of cadence.exit.on) listen(eventMark(event, where), event, where, 'exit_event')

  const lookingOf = (when: BranchOutcome): Looking => {
    if ('clicked' in when) return { mark: engagementMark('click', when.clicked) }
    if ('opened' in when) return { mark: engagementMark('open', when.opened) }
    if ('converted' in when) return { mark: convertedMark }
    if ('condition' in when) return { condition: compile(when.condition) }
    const mark = eventMark(when.event, when.where)
    listen(mark, when.event, when.where, null)
    return { mark, ...(when.since === undefined ? {} : { since: when.since }) }
  }
  /** Lays out steps that follow each other; says with which they begin. */
  const layOut = (own: readonly StepSpec[], after: string | null): string | null => {
    for (const [i, step] of own.entries()) {
      const next = own[i + 1]?.id ?? after
      steps.set(step.id, laidOut(step, next))
    }
    return own[0]?.id ?? after
  }
  const laidOut = (step: StepSpec, next: string | null): CadenceStep => {
    const { id } = step
    if ('wait' in step) return { id, next, kind: 'wait', wait: step.wait }
    if ('touch' in step) return { id, next, kind: 'touch', treatmentIds: new Set(step.touch.treatmentIds) }
    const arms = step.branch.map((arm) => ({ when: lookingOf(arm.when), first: layOut(arm.steps, next) }))
    return { id, next, kind: 'branch', arms, otherwise: layOut(step.otherwise, next) }
  }
  const first = layOut(cadence.steps, null)
  if (first === null) throw new Error(`the cadence of ${spec.campaignId} has no step`)
  const { when } = cadence.exit
  return {
    first,
    steps,
    listeners: [...listeners.values()],
    exitWhen: when === undefined ? null : compile(when),
    reentry: cadence.reentry,
  }
}

/** Of a click or an open of what a touch sent. */
export function engagementMark(kind: 'click' | 'open', stepId: string): string {
  return `${kind}:${stepId}`
}

/** The same event and condition have the same mark in every version: it goes along when a journey moves. */
function eventMark(event: string, where: Condition | undefined): string {
  return where === undefined ? `event:${event}` : `event:${event}:${stableId(canonicalJson(where))}`
}

const always: Predicate = () => true

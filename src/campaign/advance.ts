import type { InstantMs } from '#contracts/clock.ts'
import type { Journey, JourneyStep } from '#contracts/journey.ts'
import type { Cadence, CadenceStep, Looking, Moment } from './cadence.ts'
import { waitEnds } from './wait.ts'

type Touch = Extract<CadenceStep, { kind: 'touch' }>

/** What a journey needs of the world to go on. */
export interface JourneyWorld {
  moment: Moment
  /** The customer's. */
  zone: string
  /** Decides, as the journey's `sequence`-th step. `messageId` is that of the message it may have queued. */
  touch(step: Touch, sequence: number): { result: string; decisionId: string; messageId: string }
}

/**
 * Takes the journey as far as it goes at this instant: to a wait that is not over, or to its end. Changes the
 * journey and returns the steps that were passed.
 */
export function advance(cadence: Cadence, journey: Journey, world: JourneyWorld): JourneyStep[] {
  const { now } = world.moment
  const passed: JourneyStep[] = []
  while (journey.state === 'inside') {
    if (cadence.exitWhen?.(world.moment) === true) {
      endJourney(journey, 'left', 'exit_condition', now)
      break
    }
    const step = cadence.steps.get(journey.stepId)
    if (step === undefined) {
      endJourney(journey, 'left', 'step_gone', now)
      break
    }
    const taken = take(step, journey, world)
    if (taken === null) break
    passed.push({
      journeyId: journey.journeyId,
      sequence: journey.stepsPassed,
      customerId: journey.customerId,
      campaignId: journey.campaignId,
      version: journey.version,
      stepId: step.id,
      kind: step.kind,
      result: taken.result,
      decisionId: taken.decisionId,
      at: now,
    })
    journey.seen.passed[step.id] = now
    journey.stepsPassed += 1
    if (taken.next === null) endJourney(journey, 'completed', '', now)
    else arriveAt(journey, taken.next, now)
  }
  return passed
}

/** A journey that has just come to a step. */
export function arriveAt(journey: Journey, stepId: string, now: InstantMs): void {
  journey.stepId = stepId
  journey.stepSince = now
  journey.isWaiting = false
  journey.dueAt = now
}

export function endJourney(
  journey: Journey,
  state: 'completed' | 'left',
  reason: string,
  now: InstantMs,
): void {
  journey.state = state
  journey.reason = reason
  journey.endedAt = now
  journey.stepId = ''
  journey.isWaiting = false
  journey.dueAt = null
}

/** Null where the journey stays at the step. */
function take(
  step: CadenceStep,
  journey: Journey,
  world: JourneyWorld,
): { result: string; decisionId: string; next: string | null } | null {
  if (step.kind === 'wait') {
    const endsAt = waitEnds(step.wait, journey.stepSince, world.zone)
    journey.isWaiting = true
    journey.dueAt = endsAt
    return endsAt > world.moment.now ? null : { result: '', decisionId: '', next: step.next }
  }
  if (step.kind === 'touch') {
    const { result, decisionId, messageId } = world.touch(step, journey.stepsPassed)
    journey.seen.touches[step.id] = messageId
    return { result, decisionId, next: step.next }
  }
  const arm = step.arms.findIndex(({ when }) => isSeen(when, journey, world.moment))
  return arm < 0
    ? { result: 'otherwise', decisionId: '', next: step.otherwise }
    : { result: String(arm), decisionId: '', next: step.arms[arm]!.first }
}

function isSeen(looking: Looking, { seen }: Journey, moment: Moment): boolean {
  if ('condition' in looking) return looking.condition(moment)
  const at = Object.hasOwn(seen.marks, looking.mark) ? seen.marks[looking.mark]! : Number.NEGATIVE_INFINITY
  // A step that the journey did not come by: nothing has happened since.
  const since =
    looking.since === undefined ? seen.since : (seen.passed[looking.since] ?? Number.POSITIVE_INFINITY)
  return at >= since
}

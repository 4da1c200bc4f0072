import type { CampaignSpec } from '#contracts/campaign.ts'
import type { Journey } from '#contracts/journey.ts'
import { arriveAt, endJourney } from '../../campaign/advance.ts'
import { canonicalJson } from '../../campaign/canonical-json.ts'
import { waitEnds } from '../../campaign/wait.ts'
import type { RunningCampaign } from '../workspace-context.ts'

/**
 * What the campaign's running version does with a journey that began before it:
 *
 *   ended                          → leaves
 *   the same steps (a pause, an audience) → follows it
 *   `finish` → goes on in the version it follows · `move` → goes on at the step of the same id · `leave`
 *
 * A journey that was held by a pause goes on when its wait is over.
 */
export function settleJourney(
  journey: Journey,
  before: RunningCampaign | null,
  running: RunningCampaign,
  zone: string,
  now: number,
): void {
  const { version, state, spec } = running.version
  journey.settledVersion = version
  const rule = before !== null && hasSameSteps(before.version.spec, spec) ? 'same' : spec.cadence?.inside
  if (state === 'ended') endJourney(journey, 'left', 'campaign_ended', now)
  else if (rule === 'same') follow(journey, running, zone, now)
  else if (rule === 'finish' && before !== null) follow(journey, before, zone, now)
  else if (rule !== 'move') endJourney(journey, 'left', 'campaign_changed', now)
  else if (running.cadence?.steps.has(journey.stepId) === true) follow(journey, running, zone, now)
  else endJourney(journey, 'left', 'step_gone', now)
}

/** From the step at which the journey stands: a wait as the version has it, from when it began. */
function follow(journey: Journey, { version, cadence }: RunningCampaign, zone: string, now: number): void {
  journey.version = version.version
  const step = cadence?.steps.get(journey.stepId)
  if (step?.kind === 'wait') journey.dueAt = waitEnds(step.wait, journey.stepSince, zone)
  else arriveAt(journey, journey.stepId, now)
}

const compared = new WeakMap<CampaignSpec, WeakMap<CampaignSpec, boolean>>()

/** Whether two versions have the same steps with the same treatments and exits. */
export function hasSameSteps(a: CampaignSpec, b: CampaignSpec): boolean {
  if (a === b) return true
  let known = compared.get(a)
  if (known === undefined) {
    known = new WeakMap()
    compared.set(a, known)
  }
  let same = known.get(b)
  if (same === undefined) {
    same = canonicalJson(stepsOf(a)) === canonicalJson(stepsOf(b))
    known.set(b, same)
  }
  return same
}

function stepsOf({ cadence, treatments, goal }: CampaignSpec) {
  return { steps: cadence?.steps ?? null, exit: cadence?.exit ?? null, treatments, goal }
}

import type { Reentry } from '#contracts/cadence.ts'
import type { Journey } from '#contracts/journey.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { DecisionParts, TriggeredDecision } from '../decision-input.ts'
import type { WorkspaceBatch } from '../workspace-batch.ts'
import type { RunningCampaign } from '../workspace-context.ts'
import { goOn } from './go-on.ts'
import { insideJourneys, noteJourney } from './journeys-of.ts'

const dayMs = 86_400_000

/** Begins a journey, where the audience and the re-entry rule allow it, and takes its first steps. */
export function enterCadence(
  parts: DecisionParts,
  rows: WorkspaceBatch,
  campaign: RunningCampaign,
  triggered: Omit<TriggeredDecision, 'campaigns' | 'touch'>,
): void {
  const { customer, now, event, trigger, receivedAt, since = now } = triggered
  const { cadence, version } = campaign
  if (cadence === null || !campaign.audience({ profile: customer.profile, now, event })) return
  const { customerId } = customer
  const { campaignId } = version
  // The rule of a change may have ended the last one.
  insideJourneys(rows, customerId, now)
  const own = rows.journeys.get(customerId) ?? []
  const last = own.find((journey) => journey.campaignId === campaignId)
  if (last !== undefined) {
    if (!mayReenter(last, cadence.reentry, now)) return
    last.isNewest = false
    noteJourney(rows, last)
  }
  const journey: Journey = {
    journeyId: stableId('journey', campaignId, customerId, trigger.kind, trigger.triggerId),
    customerId,
    campaignId,
    version: version.version,
    settledVersion: version.version,
    state: 'inside',
    reason: '',
    isNewest: true,
    enteredAt: now,
    endedAt: null,
    stepId: cadence.first,
    stepSince: now,
    isWaiting: false,
    dueAt: now,
    stepsPassed: 0,
    seen: { event, since, marks: {}, touches: {}, passed: {} },
  }
  rows.journeys.set(customerId, [...own.filter((each) => each !== last), journey])
  goOn(parts, rows, { journey, campaign }, { customer, now, receivedAt })
}

function mayReenter({ state, endedAt }: Journey, reentry: Reentry, now: number): boolean {
  if (state === 'inside' || reentry === 'never') return false
  return reentry === 'always' || now >= (endedAt ?? now) + Math.round(reentry.afterDays * dayMs)
}

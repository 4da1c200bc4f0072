import type { Journey } from '#contracts/journey.ts'
import { zoneOf } from '../customer-zone.ts'
import type { WorkspaceBatch } from '../workspace-batch.ts'
import { followedKey, type RunningCampaign } from '../workspace-context.ts'
import { settleJourney } from './settle-journey.ts'

/** A journey and the campaign version whose steps it follows. */
export interface Followed {
  journey: Journey
  campaign: RunningCampaign
}

/**
 * The customer's journeys that are under way. Where the campaign has changed since, its rule for those inside
 * is applied first; a paused campaign changes nothing.
 */
export function insideJourneys(rows: WorkspaceBatch, customerId: string, now: number): Followed[] {
  const journeys = rows.journeys.get(customerId)
  if (journeys === undefined) return []
  return journeys.flatMap((journey) => {
    if (journey.state !== 'inside') return []
    const running = rows.context.campaigns.get(journey.campaignId)
    const before = followedBy(rows, journey)
    if (running !== undefined && running.version.state !== 'paused') {
      if (journey.settledVersion < running.version.version) {
        settleJourney(journey, before, running, zoneOf(rows, customerId), now)
        noteJourney(rows, journey)
      }
    }
    // Settling may have ended it.
    if ((journey.state as Journey['state']) !== 'inside') return []
    const campaign = followedBy(rows, journey)
    return campaign === null ? [] : [{ journey, campaign }]
  })
}

/** Null where the version is not kept any more. */
function followedBy({ context }: WorkspaceBatch, { campaignId, version }: Journey): RunningCampaign | null {
  const running = context.campaigns.get(campaignId)
  if (running?.version.version === version) return running
  return context.followed.get(followedKey(campaignId, version)) ?? null
}

/**
 * It is written at the end of the batch, with its customer: of two transactions that read the same customer one
 * is run again, so nobody takes a step twice.
 */
export function noteJourney(rows: WorkspaceBatch, journey: Journey): void {
  rows.written.journeys.add(journey)
  if (rows.customers.has(journey.customerId)) rows.changed.add(journey.customerId)
}

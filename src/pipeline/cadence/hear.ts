import type { EngagementPayload, LogRecord } from '#contracts/event.ts'
import type { Journey } from '#contracts/journey.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Profile } from '#contracts/profile.ts'
import { endJourney } from '../../campaign/advance.ts'
import { engagementMark } from '../../campaign/cadence.ts'
import type { WorkspaceBatch } from '../workspace-batch.ts'
import { insideJourneys, noteJourney } from './journeys-of.ts'

/** A product event, as the customer's journeys hear it: what a branch looks back at, or the end of the journey. */
export function hearEvent(
  rows: WorkspaceBatch,
  customerId: string,
  heard: { name: string; properties: JsonObject; occurredAt: number },
  profile: Profile,
  now: number,
): void {
  if (!rows.context.hasCadences) return
  const { name, properties, occurredAt } = heard
  for (const { journey, campaign } of insideJourneys(rows, customerId, now)) {
    if (occurredAt < journey.seen.since) continue
    for (const listener of campaign.cadence?.listeners ?? []) {
      if (listener.event !== name) continue
      if (!listener.where({ profile, now: occurredAt, event: { name, properties } })) continue
      mark(rows, journey, listener.mark, occurredAt)
      if (listener.leaves === null) continue
      endJourney(journey, 'left', listener.leaves, now)
      break
    }
  }
}

/** A click or an open that no link scanner made, of what a touch has sent. */
export function hearEngagement(
  rows: WorkspaceBatch,
  { customerId, kind, occurredAt, payload }: LogRecord<EngagementPayload>,
  now: number,
): void {
  if (!rows.context.hasCadences) return
  for (const { journey } of insideJourneys(rows, customerId, now)) {
    for (const [stepId, messageId] of Object.entries(journey.seen.touches)) {
      if (messageId !== payload.messageId || messageId === '') continue
      mark(rows, journey, engagementMark(kind as 'click' | 'open', stepId), occurredAt)
    }
  }
}

function mark(rows: WorkspaceBatch, journey: Journey, name: string, occurredAt: number): void {
  const { marks } = journey.seen
  const known = Object.hasOwn(marks, name) ? marks[name]! : Number.NEGATIVE_INFINITY
  marks[name] = Math.max(known, occurredAt)
  noteJourney(rows, journey)
}

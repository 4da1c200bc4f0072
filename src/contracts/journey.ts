import type { InstantMs } from './clock.ts'
import type { JsonObject } from './json.ts'

/**
 * One customer's way through a cadence, from entry to end:
 * inside → completed (no step is left) | left (a goal, an exit rule, a change or the end of the campaign).
 */
export interface Journey {
  journeyId: string
  customerId: string
  campaignId: string
  /** The version whose steps it follows. */
  version: number
  /** The newest version whose rule for those inside has been applied. */
  settledVersion: number
  state: 'inside' | 'completed' | 'left'
  /** Why it was left: `goal_met`, `exit_event`, `campaign_changed` …; '' otherwise. */
  reason: string
  /** Of the customer's journeys in the campaign the last: the re-entry rule goes by it. */
  isNewest: boolean
  enteredAt: InstantMs
  endedAt: InstantMs | null
  /** The step at which it stands, '' after the end. */
  stepId: string
  /** Since when. */
  stepSince: InstantMs
  /** Waiting at a step; otherwise the step is taken when it is due. */
  isWaiting: boolean
  /** When it goes on; null after the end, and while the campaign is paused. */
  dueAt: InstantMs | null
  stepsPassed: number
  seen: JourneySeen
}

/** What branches and templates look back at. */
export interface JourneySeen {
  /** What triggered the entry, as templates see it. */
  event: { name: string; properties: JsonObject }
  /** When that happened: what happens from then on counts. */
  since: InstantMs
  /** Outcomes by key, each with its last time. */
  marks: Record<string, InstantMs>
  /** By step: the message that the touch would send. */
  touches: Record<string, string>
  /** By step, when it was passed. */
  passed: Record<string, InstantMs>
}

/** A step that was taken. Its key (journey and sequence) can be written only once. */
export interface JourneyStep {
  journeyId: string
  sequence: number
  customerId: string
  campaignId: string
  version: number
  stepId: string
  kind: 'touch' | 'wait' | 'branch'
  /** Of a touch the treatment or why there was none, of a branch the way taken. */
  result: string
  decisionId: string
  at: InstantMs
}

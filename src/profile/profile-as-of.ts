import type { CustomerEvent, EngagementPayload, OutcomePayload } from '#contracts/event.ts'
import type { Customer, Profile } from '#contracts/profile.ts'
import type { ReportingCurrency } from '#platform/money/reporting-currency.ts'
import { applyEngagement, applyEvent } from './apply-event.ts'
import { mergeProfiles } from './merge-profiles.ts'
import { type DatedProfile, newProfile } from './profile.ts'
import type { StoredEvent } from './recount.ts'

/** A stored event with how it came into a profile; null: from before that was noted. */
export interface AppliedEvent {
  event: StoredEvent
  /** Whose profile took it in; a merge may have moved it since. */
  appliedTo: string
  appliedAt: number | null
  appliedOrder: number | null
}

/** A customer merged away. */
export interface MergedCustomer {
  customerId: string
  into: string
  /** Number of the merge among what `into` took in, and when; absent: before that was noted. */
  mergedAs?: { order: number; at: number }
}

/** Up to where something is known. */
export type Known =
  /** All that was applied at that instant or before: what a decision of then saw, late events left out. */
  | { kind: 'served'; at: number }
  /** As served; what was imported, or came more than a day late, counts from when it happened. */
  | { kind: 'history'; at: number }
  /** Up to this event inclusive: what the decision that it triggered saw, to the event. */
  | { kind: 'event'; eventId: string }

/** Later than that it is somebody's past being sent after the fact, not a phone that was offline. */
const backfilledMs = 86_400_000

export interface KnownCustomer {
  /** Null where there was none yet. */
  profile: Profile | null
  /** The customer and who had been merged into it by then. */
  owners: ReadonlySet<string>
}

interface Step {
  order: number
  /** Among those without a number. */
  at: number
  id: string
  apply(profile: DatedProfile | null): DatedProfile | null
}

/**
 * The profile of a customer as it was known then: the events taken in by that time, in the order in which
 * they were taken in, and merges where they happened. Segments and scores are left out. Of a decision before
 * a merge: the customer that was decided about.
 *
 * Exact for what was applied since events are numbered; older ones go first, in the order of their receipt.
 * Money is converted at the rates of today.
 */
export function profileAsOf(
  history: { customerId: string; events: readonly AppliedEvent[]; merged: readonly MergedCustomer[] },
  known: Known,
  currency: ReportingCurrency,
): KnownCustomer {
  const { events, merged } = history
  const owners = new Set<string>()
  const last =
    known.kind === 'event' ? events.find(({ event }) => event.eventId === known.eventId) : undefined
  if (known.kind === 'event' && last === undefined) return { profile: null, owners }
  const throughOrder = last?.appliedOrder ?? 0
  /** Order counts in the profile of the one owner; whoever was merged into it came with all they had. */
  const make = (owner: string, isWhole: boolean): DatedProfile | null => {
    owners.add(owner)
    const steps: Step[] = []
    for (const own of events) {
      if (own.appliedTo !== owner || own.appliedOrder === 0) continue
      if (isWhole || eventKnown(own, known, throughOrder)) steps.push(eventStep(own, currency))
    }
    for (const from of merged) {
      if (from.into !== owner) continue
      if (isWhole || mergeKnown(from, known, throughOrder)) steps.push(mergeStep(from, make))
    }
    steps.sort((a, b) => a.order - b.order || a.at - b.at || (a.id < b.id ? -1 : 1))
    let profile: DatedProfile | null = null
    for (const step of steps) profile = step.apply(profile)
    return profile
  }
  return { profile: make(last?.appliedTo ?? history.customerId, false), owners }
}

function eventKnown(
  { event, appliedAt, appliedOrder }: AppliedEvent,
  known: Known,
  through: number,
): boolean {
  if (known.kind === 'event') return (appliedOrder ?? 0) <= through
  if ((appliedAt ?? event.receivedAt) <= known.at) return true
  if (known.kind !== 'history' || event.occurredAt > known.at) return false
  const isImported = 'imported' in event.payload && event.payload.imported === true
  return isImported || (appliedAt ?? event.receivedAt) - event.occurredAt > backfilledMs
}

function mergeKnown({ mergedAs }: MergedCustomer, known: Known, through: number): boolean {
  if (mergedAs === undefined) return true
  return known.kind === 'event' ? mergedAs.order <= through : mergedAs.at <= known.at
}

function eventStep({ event, appliedOrder }: AppliedEvent, currency: ReportingCurrency): Step {
  const { workspace, customerId, eventId, kind, occurredAt, payload } = event
  return {
    order: appliedOrder ?? 0,
    at: event.receivedAt,
    id: eventId,
    apply(before) {
      if (isEngagement(kind)) {
        const counts = before !== null && (payload as EngagementPayload).suspectedScanner !== true
        // A click of somebody unknown makes no profile.
        if (counts) applyEngagement(customerOf(before), kind, occurredAt)
        return before
      }
      if (kind === 'outcome') {
        const clicked = (payload as OutcomePayload).outcome === 'click'
        if (before !== null && clicked) applyEngagement(customerOf(before), 'click', occurredAt)
        return before
      }
      const profile = before ?? newProfile(occurredAt)
      applyEvent(customerOf(profile), event as CustomerEvent, currency)
      // Affinities are as old as the numbers.
      if (appliedOrder === null) delete profile.affinities
      return profile
    },
  }

  function customerOf(profile: DatedProfile): Customer {
    return { workspace, customerId, version: 0, mergedInto: null, profile }
  }
}

function mergeStep(
  from: MergedCustomer,
  make: (owner: string, isWhole: boolean) => DatedProfile | null,
): Step {
  return {
    order: from.mergedAs?.order ?? 0,
    at: from.mergedAs?.at ?? 0,
    id: from.customerId,
    apply(before) {
      const absorbed = make(from.customerId, true)
      if (absorbed === null) return before
      return before === null ? absorbed : mergeProfiles(before, absorbed)
    },
  }
}

function isEngagement(kind: StoredEvent['kind']): kind is 'click' | 'open' {
  return kind === 'click' || kind === 'open'
}

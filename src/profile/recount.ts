import type { CustomerEvent, EngagementPayload, LogRecord, OutcomePayload } from '#contracts/event.ts'
import type { EventCounts, Profile } from '#contracts/profile.ts'
import type { ReportingCurrency } from '#platform/money/reporting-currency.ts'
import { applyEngagement, applyEvent } from './apply-event.ts'
import { newProfile } from './profile.ts'

/** An event as the store keeps it: of a product, a click or an open, or what came of a decision at a placement. */
export type StoredEvent = CustomerEvent | LogRecord<EngagementPayload | OutcomePayload>

/**
 * The profile as its events make it, in order of occurrence; null without any. Counts are the same whatever
 * the order and whatever was merged. Traits may differ from the stored ones: those of a customer merged
 * away yielded, here the newest wins.
 */
export function recountProfile(events: StoredEvent[], currency: ReportingCurrency): Profile | null {
  const first = events[0]
  if (first === undefined) return null
  const { workspace, customerId } = first
  const profile = newProfile(first.occurredAt)
  const customer = { workspace, customerId, version: 0, mergedInto: null, profile }
  for (const event of events) {
    if (event.kind === 'click' || event.kind === 'open') {
      if ((event.payload as EngagementPayload).suspectedScanner === true) continue
      applyEngagement(customer, event.kind, event.occurredAt)
    } else if (event.kind === 'outcome') {
      if ((event.payload as OutcomePayload).outcome === 'click')
        applyEngagement(customer, 'click', event.occurredAt)
    } else {
      applyEvent(customer, event as CustomerEvent, currency)
    }
  }
  return profile
}

/**
 * Names whose counts differ. Events from before `keptFromDay` (UTC day) are no longer stored: of a name that
 * is older, only the days from then on are compared.
 */
export function differingCounts(stored: Profile, recounted: Profile, keptFromDay: number): string[] {
  const names = new Set([...Object.keys(stored.counts), ...Object.keys(recounted.counts)])
  return [...names].filter((name) => {
    const a = comparable(ownCounts(stored, name), keptFromDay)
    return JSON.stringify(a) !== JSON.stringify(comparable(ownCounts(recounted, name), keptFromDay, a?.whole))
  })
}

interface Comparable {
  whole: boolean
  days: EventCounts['days']
  sums: number[]
}

function comparable(
  counts: EventCounts | undefined,
  keptFromDay: number,
  whole = counts !== undefined && counts.firstAt >= keptFromDay * 86_400_000,
): Comparable | null {
  if (counts === undefined) return null
  const days = counts.days.filter(([day]) => day >= keptFromDay)
  if (!whole) return days.length === 0 ? null : { whole, days, sums: [] }
  const { total, valueMicros, firstAt, lastAt } = counts
  return { whole, days, sums: [total, valueMicros, firstAt, lastAt] }
}

function ownCounts({ counts }: Profile, name: string): EventCounts | undefined {
  return Object.hasOwn(counts, name) ? counts[name] : undefined
}

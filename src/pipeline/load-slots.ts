import type { FrequencyCap } from '#contracts/campaign.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { together } from '#platform/store/together.ts'
import { loadContacts } from '../action/message-rows.ts'
import { loadRankSlots } from '../decision/decision-rank-rows.ts'
import { contactsKeptMs } from './customer-facts.ts'
import { fatigueReachMs } from './fatigue.ts'
import type { WorkspaceContext } from './workspace-context.ts'

const dayMs = 86_400_000
/** The feature vector counts the contacts of 7 days. */
const shownKeptLeastMs = 8 * dayMs

/**
 * Everything that holds or may take a slot of these customers' caps: messages, and what placements were given.
 * Customers without any are absent.
 */
export async function loadSlots(
  db: WorkspaceDb,
  context: WorkspaceContext,
  customerIds: readonly string[],
  now: number,
): Promise<Map<string, ContactSlot[]>> {
  const sent = loadContacts(db, customerIds, now - contactsKeptMs)
  if (!context.hasPlacements) return sent
  const since = now - shownKeptMs(context)
  const [slots, shown] = await together(sent, loadRankSlots(db, customerIds, { since, now }))
  for (const [customerId, own] of shown) slots.set(customerId, [...(slots.get(customerId) ?? []), ...own])
  return slots
}

/** A page shows something at every visit: only as far back as what a cap or fatigue counts may have been given. */
function shownKeptMs({ guardrails, campaigns }: WorkspaceContext): number {
  const specs = [...campaigns.values()].map(({ version }) => version.spec)
  const caps = [...guardrails.frequencyCaps, ...specs.flatMap((spec) => spec.frequencyCaps)].filter(
    ({ channel }) => channel === undefined || channel === 'in-app',
  )
  const tiring = [guardrails, ...specs].map(({ fatigue }) => fatigueReachMs(fatigue))
  const placed = specs.filter(({ trigger }) => 'placement' in trigger)
  // It counts from when it was shown, which may be as late as it expires.
  return (
    Math.max(shownKeptLeastMs, ...tiring, ...caps.map(windowMsOf)) +
    Math.max(0, ...placed.map((s) => s.expiresAfterMs))
  )
}

/** At least as long as the window: a local day may have 25 hours. */
function windowMsOf({ window }: FrequencyCap): number {
  return 'hours' in window ? window.hours * 3_600_000 : (window.localDays + 1) * dayMs
}

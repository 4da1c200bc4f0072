import { decodeDecision } from '../../../src/decision/record.ts'
import type { StoreRows } from './store-rows.ts'
import { isTrigger, type PlannedEvent, userIdOf } from './traffic-plan.ts'

/** Dimension 3 of feature schema v1 is log(1 + events counted) / log(1 + 1000): it gives the count back. */
const eventsDimension = 3
const eventsFull = 1000

/**
 * Decisions that were not made in the order in which their customer's events were delivered: each was
 * acknowledged before the next was sent. A decision's record holds how many events of the customer had been
 * applied when it was made, its own among them. The n-th event of a customer must find exactly n: more means
 * that a later one was applied before it, fewer that an earlier one came after it.
 *
 * Somebody who was an unknown visitor first has two keys, and what waits under the visitor's is handed on
 * after the link: for the events from the link on the counts must rise.
 */
export function* outOfOrder(rows: StoreRows, unique: Map<string, PlannedEvent>): Iterable<string> {
  const decided = new Map(
    rows.decisions.map((row) => [
      String(row.trigger_id),
      { at: Number(row.decided_at), applied: eventsApplied(row.record as Uint8Array) },
    ]),
  )
  for (const own of Map.groupBy(unique.values(), userIdOf).values()) {
    const inOrder = own.toSorted((a, b) => placeOf(a) - placeOf(b))
    const wasVisitor = inOrder[0]?.userId === undefined
    const linkedAt = inOrder.findIndex(({ type }) => type === 'identify')
    let tracks = 0
    let before = { at: 0, applied: 0 }
    for (const [place, event] of inOrder.entries()) {
      if (event.type === 'track') tracks += 1
      const decision = decided.get(event.messageId)
      if (!isTrigger(event) || decision === undefined || place < linkedAt) continue
      const { at, applied } = decision
      if (applied <= before.applied || (!wasVisitor && applied !== tracks) || at < before.at) {
        yield `${event.messageId}: ${applied} events applied at ${at}, after ${before.applied} at ${before.at}; it is number ${tracks}`
      }
      before = decision
    }
  }
}

function eventsApplied(record: Uint8Array): number {
  const feature = decodeDecision(record).features[eventsDimension] ?? 0
  return Math.round(Math.expm1(feature * Math.log1p(eventsFull)))
}

/** Ids of events end with their place among their customer's. */
function placeOf({ messageId }: PlannedEvent): number {
  return Number(messageId.slice(messageId.lastIndexOf('-') + 1))
}

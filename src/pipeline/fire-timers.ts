import type { Store } from '#platform/store/store.ts'
import { lookAtSegments } from './apply-product-event.ts'
import { decideForTrigger } from './decide-for-trigger.ts'
import { noticesOf } from './notices.ts'
import type { BatchParts } from './process-batch.ts'
import { dueTimers } from './timer-rows.ts'
import { openWorkspaceBatch, writeWorkspaceBatch } from './workspace-batch.ts'

/** Few enough to stay near the 5 ms that a batch may take while others wait. */
const timersPerTransaction = 50

/**
 * Fires due timers of one workspace: time alone moved these customers into or out of segments. Reading,
 * acting and moving the timer are one transaction, so a crash fires a timer again and never twice in effect.
 */
export async function fireTimers(parts: BatchParts, store: Store, workspace: string): Promise<number> {
  const now = parts.clock.now()
  const waiting = await dueTimers(store.read.workspace(workspace), now, 1)
  if (waiting.length === 0) return 0
  return store.transaction(async (tx) => {
    const context = await parts.contexts.load(tx, workspace)
    if (context === null) return 0
    const db = tx.workspace(workspace)
    // Another worker is at it: two would fire the same ones.
    if (!(await db.tryLock('timers'))) return 0
    const timers = await dueTimers(db, now, timersPerTransaction)
    const ids = timers.map((timer) => timer.customer_id)
    const rows = await openWorkspaceBatch(
      db,
      context,
      { eventIds: [], customerIds: ids, engagedCustomerIds: ids, earliestOccurredAt: now },
      now,
      parts.capCache,
    )
    for (const timer of timers) {
      // Removed unless the look below sets it again.
      rows.written.timers.push({ customerId: timer.customer_id, kind: 'segments', dueAt: null })
      const customer = rows.customers.get(timer.customer_id)
      if (customer === undefined || customer.mergedInto !== null) continue
      const entered = lookAtSegments(rows, customer, now)
      rows.changed.add(customer.customerId)
      for (const segmentId of entered) {
        const campaigns = context.bySegmentEntered.get(segmentId) ?? []
        if (campaigns.length === 0) continue
        decideForTrigger(parts.decision, rows, {
          customer,
          campaigns,
          trigger: { kind: 'timer', triggerId: `${timer.timer_id}:${timer.due_at}:${segmentId}`, step: 0 },
          now,
          receivedAt: now,
          event: { name: 'Segment Entered', properties: { segment: segmentId } },
        })
      }
    }
    await writeWorkspaceBatch(rows, now)
    await parts.publish?.(noticesOf(rows))
    return timers.length
  })
}

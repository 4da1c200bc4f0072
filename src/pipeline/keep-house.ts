import { dayUtcOf } from '#platform/ids/ids.ts'
import type { KeptPartitions } from '#platform/store/partitions.ts'
import type { Store } from '#platform/store/store.ts'
import { forgetReceiptsBefore } from '../action/callback-rows.ts'
import { giveBackExpired } from '../action/coupons/settle-codes.ts'
import { deleteExpiredInbox } from '../action/inbox-rows.ts'
import { deleteMessageEventsBefore } from '../action/message-event-rows.ts'
import { deliveriesKeptMs, forgetDeliveries } from '../action/webhooks/delivery-rows.ts'
import { deleteCountsBefore, namesCountedBefore } from '../ingest/catalogue/catalogue-rows.ts'
import { deleteEventsBefore, forgetSeenBefore } from '../profile/event-rows.ts'
import { deleteRoundsBefore } from './timer-round-rows.ts'

/** Small steps: a transaction of this many deletions stays near the 5 ms that others wait at most. */
const rowsPerStep = 200
/** In PostgreSQL nobody waits for it. */
const rowsPerStepPostgres = 5000

/**
 * Ids of events are remembered for 40 days: longer than the log keeps anything (30 at most), and than any
 * client retries (12 hours).
 */
export const seenKeptMs = 40 * 86_400_000

/** Messages of the inbox that nobody is shown any longer are kept a while, for who looks into what happened. */
const inboxKeptMs = 30 * 86_400_000

/**
 * PostgreSQL: drops months of events that nobody keeps any longer, makes those to come. Of all workspaces at
 * once; SQLite deletes row by row in `keepHouse`. A month goes when its last day does.
 */
export async function keepPartitions(
  store: Store,
  { now, eventsKeepDays }: { now: number; eventsKeepDays: number },
): Promise<KeptPartitions | null> {
  return (await store.partitions?.keep({ now, eventsFromDay: dayUtcOf(now) - eventsKeepDays })) ?? null
}

/** Deletes what a workspace keeps no longer; by the wall clock. Resolves to the rows deleted. */
export async function keepHouse(
  store: Store,
  workspace: string,
  { now, eventsKeepDays }: { now: number; eventsKeepDays: number },
): Promise<number> {
  const inMonths = store.partitions !== null
  const limit = inMonths ? rowsPerStepPostgres : rowsPerStep
  let deleted = await forgetCounts(store, workspace, dayUtcOf(now) - eventsKeepDays)
  for (;;) {
    const step = await store.transaction(async (tx) => {
      const db = tx.workspace(workspace)
      const events = inMonths ? 0 : await deleteEventsBefore(db, dayUtcOf(now) - eventsKeepDays, limit)
      const told = await deleteMessageEventsBefore(db, now - eventsKeepDays * 86_400_000, limit)
      const rounds = await deleteRoundsBefore(db, now - eventsKeepDays * 86_400_000, limit)
      const receipts = await forgetReceiptsBefore(db, now - seenKeptMs, limit)
      const deliveries = await forgetDeliveries(db, now - deliveriesKeptMs, limit)
      const seen = await forgetSeenBefore(db, now - seenKeptMs, limit)
      const inbox = await deleteExpiredInbox(db, now - inboxKeptMs, limit)
      const codes = await giveBackExpired(db, now, limit)
      return codes + events + told + rounds + receipts + deliveries + seen + inbox
    })
    if (step === 0) return deleted
    deleted += step
  }
}

/** The catalogue's counts of days whose events are kept no longer. Resolves to the names that had any. */
async function forgetCounts(store: Store, workspace: string, beforeDay: number): Promise<number> {
  let forgotten = 0
  for (;;) {
    const names = await namesCountedBefore(store.read.workspace(workspace), beforeDay, rowsPerStep)
    if (names.length === 0) return forgotten
    for (const name of names) {
      await store.transaction((tx) => deleteCountsBefore(tx.workspace(workspace), name, beforeDay))
    }
    forgotten += names.length
  }
}

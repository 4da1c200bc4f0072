import { dayUtcOf } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { deleteEventsBefore, forgetSeenBefore } from '../profile/event-rows.ts'

/** Small steps: a transaction of this many deletions stays near the 5 ms that others wait at most. */
const rowsPerStep = 200

/**
 * Ids of events are remembered for 40 days: longer than the log keeps anything (30 at most), and than any
 * client retries (12 hours).
 */
export const seenKeptMs = 40 * 86_400_000

/** Deletes what a workspace keeps no longer; by the wall clock. Resolves to the rows deleted. */
export async function keepHouse(
  store: Store,
  workspace: string,
  { now, eventsKeepDays }: { now: number; eventsKeepDays: number },
): Promise<number> {
  let deleted = 0
  for (;;) {
    const step = await store.transaction(async (tx) => {
      const db = tx.workspace(workspace)
      const events = await deleteEventsBefore(db, dayUtcOf(now) - eventsKeepDays, rowsPerStep)
      return events + (await forgetSeenBefore(db, now - seenKeptMs, rowsPerStep))
    })
    if (step === 0) return deleted
    deleted += step
  }
}

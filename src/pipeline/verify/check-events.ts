import { sql } from 'kysely'
import type { Store } from '#platform/store/store.ts'
import { type CheckResult, difference } from './difference.ts'

const shownMax = 100
/** The longest that the log keeps a record; marks are kept longer than that. */
const comesAgainMs = 30 * 86_400_000

/** Every event kept is kept once, and every one that may still come again has its mark against duplicates. */
export async function checkEvents(store: Store, workspace: string, wallNow: number): Promise<CheckResult> {
  return store.snapshot(async (scope) => {
    const db = scope.workspace(workspace)
    const unmarked = await db
      .selectFrom('events')
      .leftJoin('event_dedupe', (join) =>
        join
          .onRef('event_dedupe.workspace', '=', 'events.workspace')
          .onRef('event_dedupe.event_id', '=', 'events.event_id'),
      )
      .select('events.event_id')
      .where('event_dedupe.event_id', 'is', null)
      .where('events.received_at', '>=', wallNow - comesAgainMs)
      .limit(shownMax)
      .execute()
    const twice = await db
      .selectFrom('events')
      .select('events.event_id')
      .groupBy('events.event_id')
      .having(sql<number>`count(*)`, '>', 1)
      .limit(shownMax)
      .execute()
    const counted = await db
      .selectFrom('events')
      .select((eb) => eb.fn.countAll<number>().as('events'))
      .executeTakeFirstOrThrow()
    return {
      checked: Number(counted.events),
      differences: [
        ...unmarked.map((row) =>
          difference('events', row.event_id, 'kept without a mark against duplicates'),
        ),
        ...twice.map((row) => difference('events', row.event_id, 'kept twice')),
      ],
    }
  })
}

import type { RowOf } from '#platform/store/store.ts'
import { goOnThese } from '../cadence/fire-journeys.ts'
import { fireTheseTimers } from '../fire-timers.ts'
import type { HistoryPlay } from './play-history.ts'

export type Due = RowOf<'timers'> | { journeyId: string; customerId: string }

export function idOf(due: Due): string {
  return 'timer_id' in due ? due.timer_id : due.journeyId
}

export function customerOf(due: Due): string {
  return 'timer_id' in due ? due.customer_id : due.customerId
}

/** All of one kind. */
export async function fire(
  { store, workspace, clock, batchParts }: HistoryPlay,
  due: readonly Due[],
): Promise<void> {
  const now = clock.now()
  await store.transaction(
    async (tx) => {
      const context = await batchParts.contexts.load(tx, workspace)
      if (context === null) return
      const timers = due.filter((own) => 'timer_id' in own)
      if (timers.length > 0) await fireTheseTimers(batchParts, tx.workspace(workspace), context, timers, now)
      const journeys = due.filter((own) => 'journeyId' in own)
      if (journeys.length > 0) await goOnThese(batchParts, tx, context, journeys, now)
    },
    { durable: 'later' },
  )
}

import type { EventLog } from '#contracts/event-log.ts'
import type { Store } from '#platform/store/store.ts'
import { workerGroup } from './worker.ts'

/** How many records of the log the store has not taken yet, whoever's they are. */
export function createLogLag({ store, log }: { store: Store; log: EventLog }): {
  records(): Promise<number>
} {
  return {
    async records() {
      const rows = await store.read.system
        .selectFrom('log_offsets')
        .select(['partition_number', 'next_offset'])
        .where('group_name', '=', workerGroup)
        .execute()
      const taken = new Map(rows.map((row) => [row.partition_number, row.next_offset]))
      const ends = await log.ends()
      return [...ends].reduce(
        (sum, [partition, end]) => sum + Math.max(0, end - (taken.get(partition) ?? 0)),
        0,
      )
    },
  }
}

import type { EventLog } from '#contracts/event-log.ts'
import type { Store } from '#platform/store/store.ts'
import { workerGroup } from './worker.ts'

/** How many records of the log the store has not taken yet, whoever's they are. */
export function createLogLag({ store, log }: { store: Store; log: EventLog }): {
  records(): Promise<number>
} {
  // A second reader of the worker's group that never commits: it only knows where the log ends.
  const reader = log.consumer(workerGroup)
  return {
    async records() {
      const rows = await store.read.system
        .selectFrom('log_offsets')
        .select(['partition_number', 'next_offset'])
        .where('group_name', '=', workerGroup)
        .execute()
      for (const { partition_number, next_offset } of rows) reader.seek(partition_number, next_offset)
      return await reader.lag()
    },
  }
}

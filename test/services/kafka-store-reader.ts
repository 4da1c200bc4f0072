import type { LogRecord } from '#contracts/event.ts'
import type { EventLog, LogBatch, LogConsumer } from '#contracts/event-log.ts'
import type { Store } from '#platform/store/store.ts'
import { loadOffsets, moveOffset, OffsetMovedError } from '../../src/pipeline/move-offset.ts'

const group = 'reader'

/** The worker's way with offsets, with nothing to apply: the offset moves in a transaction, or the batch is given up. */
export interface StoreReader {
  consumer: LogConsumer
  poll(): Promise<LogBatch | null>
  /** False when another owner had moved the offset: then the consumer stands where the store does. */
  commit(batch: LogBatch): Promise<boolean>
}

export function createStoreReader(log: EventLog, store: Store): StoreReader {
  const stored = (partitions: number[]) => store.transaction((tx) => loadOffsets(tx, group, partitions))
  const consumer = log.consumer(group, stored)
  return {
    consumer,
    poll: () => consumer.poll(20, 300),
    async commit(batch) {
      try {
        await store.transaction((tx) =>
          moveOffset(tx, group, batch.partition, batch.fromOffset, batch.nextOffset),
        )
      } catch (error) {
        if (!(error instanceof OffsetMovedError)) throw error
        for (const [partition, offset] of await stored(consumer.assigned())) consumer.seek(partition, offset)
        return false
      }
      consumer.seek(batch.partition, batch.nextOffset)
      consumer.committed(batch.partition, batch.nextOffset)
      return true
    },
  }
}

/** Reads until told to stop; what it committed goes to `taken`, in the order of the commits. */
export async function readOn(reader: StoreReader, taken: LogRecord[], stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const batch = await reader.poll()
    if (batch !== null && (await reader.commit(batch))) {
      for (const record of batch.records) if (record !== null) taken.push(record)
    }
  }
}

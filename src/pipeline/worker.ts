import type { EventLog, LogConsumer } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Store } from '#platform/store/store.ts'
import { fireTimers } from './fire-timers.ts'
import { loadOffsets, moveOffset, OffsetMovedError } from './move-offset.ts'
import { type BatchParts, processBatch } from './process-batch.ts'

export const workerGroup = 'pipeline'

export interface WorkerOptions extends BatchParts {
  log: EventLog
  store: Store
  logger: Logger
  /** Most records read at once. */
  recordsMax: number
  /** Workspaces whose timers this worker fires. */
  workspaces: () => Promise<string[]>
  /** Called after a commit that may have queued messages. */
  onQueued: () => void
}

export interface Worker {
  /** Takes one batch, waiting at most `waitMs` for it. Returns the records taken. */
  step(waitMs: number): Promise<number>
  /** Fires timers that are due. Returns how many. */
  fireTimers(): Promise<number>
  /** Records appended and not yet committed. */
  lag(): Promise<number>
  close(): Promise<void>
}

/** The owner of partitions: polls the log and applies each batch in one transaction with its offset inside. */
export async function createWorker(options: WorkerOptions): Promise<Worker> {
  const { log, store } = options
  const consumer = log.consumer(workerGroup)
  await seekToStored(store, consumer)
  return {
    async step(waitMs) {
      const batch = await consumer.poll(options.recordsMax, waitMs)
      if (batch === null || batch.records.length === 0) return 0
      try {
        const taken = await store.transaction(async (tx) => {
          const result = await processBatch(options, tx, batch)
          const next = batch.baseOffset + result.taken
          await moveOffset(tx, workerGroup, batch.partition, batch.baseOffset, next)
          // Forwarded records must be durable before the offset passes the ones they replace.
          if (result.forwards.length > 0) await appendOrThrow(log, result.forwards)
          return result.taken
        })
        const next = batch.baseOffset + taken
        if (next < batch.nextOffset) consumer.seek(batch.partition, next)
        consumer.committed(batch.partition, next)
        options.onQueued()
        return taken
      } catch (error) {
        // Whatever went wrong, what was not committed is read again from the stored offset.
        await seekToStored(store, consumer)
        if (!(error instanceof OffsetMovedError)) throw error
        options.logger.warn('batch given up', { reason: error.message })
        return 0
      }
    },
    fireTimers: async () => {
      let fired = 0
      for (const workspace of await options.workspaces()) fired += await fireTimers(options, store, workspace)
      return fired
    },
    lag: () => consumer.lag(),
    close: () => consumer.close(),
  }
}

async function seekToStored(store: Store, consumer: LogConsumer): Promise<void> {
  const partitions = consumer.assigned()
  const offsets = await store.transaction((tx) => loadOffsets(tx, workerGroup, partitions))
  for (const partition of partitions) consumer.seek(partition, offsets.get(partition) ?? 0)
}

async function appendOrThrow(log: EventLog, records: Parameters<EventLog['append']>[0]): Promise<void> {
  const result = await log.append(records)
  if (result.kind !== 'appended') throw new Error(`the log takes no forwarded records now: ${result.kind}`)
}

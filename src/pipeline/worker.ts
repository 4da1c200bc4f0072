import type { EventLog, LogBatch, LogConsumer } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Store, StoreTransaction } from '#platform/store/store.ts'
import { fireTimers } from './fire-timers.ts'
import { loadOffsets, moveOffset, OffsetMovedError } from './move-offset.ts'
import { type BatchParts, type BatchResult, processBatch } from './process-batch.ts'
import { insertRejected, setAsideRow } from './rejected-event-rows.ts'

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
  const commit = async (batch: LogBatch, apply: ApplyBatch): Promise<number> => {
    const taken = await store.transaction(async (tx) => {
      const result = await apply(tx, batch)
      await moveOffset(tx, workerGroup, batch.partition, batch.baseOffset, batch.baseOffset + result.taken)
      // Forwarded records must be durable before the offset passes the ones they replace.
      if (result.forwards.length > 0) await appendOrThrow(log, result.forwards)
      return result.taken
    })
    const next = batch.baseOffset + taken
    consumer.seek(batch.partition, next)
    consumer.committed(batch.partition, next)
    options.onQueued()
    return taken
  }
  const process: ApplyBatch = (tx, batch) => processBatch(options, tx, batch)
  return {
    async step(waitMs) {
      const batch = await consumer.poll(options.recordsMax, waitMs)
      if (batch === null || batch.records.length === 0) return 0
      try {
        return await commit(batch, process)
      } catch (error) {
        // Whatever went wrong, what was not committed is read again from the stored offset.
        await seekToStored(store, consumer)
        if (!(error instanceof OffsetMovedError))
          return await takeFirst(batch, commit, process, options.logger)
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

type ApplyBatch = (tx: StoreTransaction, batch: LogBatch) => Promise<Pick<BatchResult, 'taken' | 'forwards'>>

/**
 * After a batch that failed: its first record alone. A record that fails by itself too is set aside among
 * the refused events, so that one bad record does not stop its partition for ever. Where the store itself
 * is at fault that fails as well, and the fault goes up.
 */
async function takeFirst(
  batch: LogBatch,
  commit: (batch: LogBatch, apply: ApplyBatch) => Promise<number>,
  process: ApplyBatch,
  logger: Logger,
): Promise<number> {
  const first: LogBatch = { ...batch, records: batch.records.slice(0, 1) }
  try {
    return await commit(first, process)
  } catch (error) {
    const record = first.records[0] ?? null
    const detail = error instanceof Error ? error.message : String(error)
    const taken = await commit(first, async (tx) => {
      if (record !== null) await insertRejected(tx.workspace(record.workspace), [setAsideRow(record, detail)])
      return { taken: 1, forwards: [] }
    })
    const at = { partition: batch.partition, offset: batch.baseOffset }
    logger.error('an event could not be applied and was set aside', {
      ...at,
      eventId: record?.eventId,
      detail,
    })
    return taken
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

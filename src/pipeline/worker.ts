import type { EventLog, LogBatch } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Store, StoreTransaction } from '#platform/store/store.ts'
import { isStoreFault } from '#platform/store/store-faults.ts'
import type { EventCatalogue } from '../ingest/catalogue/event-catalogue.ts'
import { createBroadcastFeeder } from './broadcast/feed-broadcasts.ts'
import { createQueuedSettler } from './broadcast/settle-queued.ts'
import { fireJourneys } from './cadence/fire-journeys.ts'
import { fireTimers } from './fire-timers.ts'
import { loadOffsets, moveOffset, OffsetMovedError, offsetsFault } from './move-offset.ts'
import { type Notice, rejectedNotice, unreadableNotices } from './notices.ts'
import { type BatchParts, type BatchResult, processBatch } from './process-batch.ts'
import { insertRejected, setAsideRow } from './rejected-event-rows.ts'
import { startSchedules } from './schedule-timers.ts'

export const workerGroup = 'pipeline'

export interface WorkerOptions extends Omit<BatchParts, 'publish' | 'catalogue'> {
  log: EventLog
  store: Store
  logger: Logger
  /** One for each batch under way: it believes only what its own transactions have committed. */
  createCatalogue: () => EventCatalogue
  /** Most records read at once. */
  recordsMax: number
  /** Workspaces whose timers this worker fires. */
  workspaces: () => Promise<string[]>
  /** Called after a commit that has queued messages. */
  onQueued: () => void
}

export interface Worker {
  /**
   * Takes one batch, waiting at most `waitMs` for it. Returns the records taken. Steps may overlap: each has a
   * transaction of its own, and a partition is in one of them at a time.
   */
  step(waitMs: number): Promise<number>
  /** Fires timers that are due, and takes broadcasts on. Returns how many customers or messages that concerned. */
  fireTimers(): Promise<number>
  /** Records appended and not yet committed. */
  lag(): Promise<number>
  close(): Promise<void>
}

/** The owner of partitions: polls the log and applies each batch in one transaction with its offset inside. */
export async function createWorker(options: WorkerOptions): Promise<Worker> {
  const { log, store } = options
  const fault = await offsetsFault(store, log, workerGroup)
  if (fault !== null) throw new Error(fault)
  const storedOffsets = (partitions: number[]) =>
    store.transaction((tx) => loadOffsets(tx, workerGroup, partitions))
  const consumer = log.consumer(workerGroup, storedOffsets)
  const { publisher } = log
  const publish = async (notices: Notice[]): Promise<void> => {
    if (publisher === undefined || notices.length === 0) return
    const result = await publisher.publish(notices)
    if (result.kind !== 'appended') throw new LogRefusedError(result.kind)
  }
  const makeParts = (): BatchParts => ({
    ...options,
    catalogue: options.createCatalogue(),
    ...(publisher === undefined ? {} : { publish }),
  })
  const timerParts = makeParts()
  const broadcasts = createBroadcastFeeder(timerParts, store)
  const queued = createQueuedSettler(timerParts, store)
  /** Of steps that are not under way. */
  const free: BatchParts[] = []
  /** By partition, the end of the step that has it. */
  const underWay = new Map<number, Promise<void>>()

  const commit = async (parts: BatchParts, batch: LogBatch, apply: ApplyBatch): Promise<number> => {
    const { taken, queued } = await store.transaction(async (tx) => {
      parts.catalogue.begin()
      const result = await apply(parts, tx, batch)
      await moveOffset(tx, workerGroup, batch.partition, batch.fromOffset, batch.baseOffset + result.taken)
      // Forwarded records must be durable before the offset passes the ones they replace. And behind the
      // compare-and-set: an owner that has lost the partition tells nobody what it decided.
      await Promise.all([
        result.forwards.length > 0 ? appendOrThrow(log, result.forwards) : null,
        publish(result.notices),
      ])
      return result
    })
    parts.catalogue.committed()
    const next = batch.baseOffset + taken
    consumer.seek(batch.partition, next)
    consumer.committed(batch.partition, next)
    if (queued > 0) options.onQueued()
    return taken
  }

  const take = async (batch: LogBatch): Promise<number> => {
    const parts = free.pop() ?? makeParts()
    const commitBy = (own: LogBatch, apply: ApplyBatch) => commit(parts, own, apply)
    try {
      return await commitBy(batch, processBatch)
    } catch (error) {
      // Whatever went wrong, what was not committed is read again from the stored offset.
      const offsets = await storedOffsets([batch.partition])
      for (const [partition, offset] of offsets) consumer.seek(partition, offset)
      try {
        if (error instanceof OffsetMovedError) throw error
        return await takeFirst(batch, commitBy, options.logger)
      } catch (last) {
        if (!(last instanceof OffsetMovedError)) throw last
        options.logger.warn('batch given up', { reason: last.message })
        return 0
      }
    } finally {
      free.push(parts)
    }
  }

  return {
    async step(waitMs) {
      const batch = await consumer.poll(options.recordsMax, waitMs)
      if (batch === null || batch.records.length === 0) return 0
      const { partition } = batch
      const before = underWay.get(partition)
      // How far that one gets is not known yet: it seeks there, and this batch is read again.
      if (before !== undefined) {
        await before
        return 0
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      underWay.set(partition, promise)
      try {
        return await take(batch)
      } finally {
        underWay.delete(partition)
        resolve()
      }
    },
    fireTimers: async () => {
      let fired = 0
      let fed = 0
      for (const workspace of await options.workspaces()) {
        fired += await queued.settle(workspace)
        fired += await fireTimers(timerParts, store, workspace)
        fired += await fireJourneys(timerParts, store, workspace)
        fed += await broadcasts.feed(workspace)
      }
      // A schedule that starts sets timers anew: those that are due come first.
      if (fired === 0) {
        for (const workspace of await options.workspaces())
          fired += await startSchedules(timerParts, store, workspace)
      }
      if (fired + fed > 0) options.onQueued()
      return fired + fed
    },
    lag: () => consumer.lag(),
    close: () => consumer.close(),
  }
}

type ApplyBatch = (
  parts: BatchParts,
  tx: StoreTransaction,
  batch: LogBatch,
) => Promise<Pick<BatchResult, 'taken' | 'forwards' | 'notices' | 'queued'>>

/**
 * After a batch that failed: its first record alone. A record that fails by itself too is set aside among
 * the refused events, so that one bad record does not stop its partition for ever. Where the store itself
 * is at fault that fails as well, and the fault goes up.
 */
async function takeFirst(
  batch: LogBatch,
  commit: (batch: LogBatch, apply: ApplyBatch) => Promise<number>,
  logger: Logger,
): Promise<number> {
  const first: LogBatch = { ...batch, records: batch.records.slice(0, 1) }
  try {
    return await commit(first, processBatch)
  } catch (error) {
    // A record is not to blame for a store or a log that is away: it is read again when they are back.
    if (error instanceof OffsetMovedError || error instanceof LogRefusedError || isStoreFault(error))
      throw error
    const record = first.records[0] ?? null
    const detail = error instanceof Error ? error.message : String(error)
    const taken = await commit(first, async (_parts, tx) => {
      const rest = { taken: 1, forwards: [], queued: 0 }
      if (record === null) return { ...rest, notices: unreadableNotices(first, 1) }
      const row = setAsideRow(record, detail)
      await insertRejected(tx.workspace(record.workspace), [row])
      return { ...rest, notices: [rejectedNotice(record.workspace, row)] }
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

class LogRefusedError extends Error {
  constructor(kind: string) {
    super(`the log takes no records of the worker now: ${kind}`)
    this.name = 'LogRefusedError'
  }
}

async function appendOrThrow(log: EventLog, records: Parameters<EventLog['append']>[0]): Promise<void> {
  const result = await log.append(records)
  if (result.kind !== 'appended') throw new LogRefusedError(result.kind)
}

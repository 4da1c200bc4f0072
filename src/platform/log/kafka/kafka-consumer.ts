import { setImmediate as immediate, setTimeout as wait } from 'node:timers/promises'
import type { Batch, EachBatchPayload, Kafka } from 'kafkajs'
import type { LogBatch, LogConsumer, StartAt } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import { olderThanStore } from '../log-consumer.ts'
import type { LogDamage } from '../log-limits.ts'
import { parseRecord } from '../row-codec.ts'
import { createGroupMember, heartbeatMsOf } from './group-member.ts'
import { reasonOf } from './kafka-client.ts'
import type { Bounds, OffsetBounds } from './offset-bounds.ts'
import { createPartitionBuffer, type FetchedRecord, type PartitionBuffer } from './partition-buffer.ts'

export interface KafkaConsumerOptions {
  kafka: Kafka
  bounds: OffsetBounds
  topic: string
  groupId: string
  partitions: number
  sessionTimeoutMs: number
  startAt?: StartAt | undefined
  logger: Logger
  onDamage: (damage: LogDamage) => void
  onClose: () => void
}

/** What was assigned by one rebalance. A partition gets its buffer when the store has said where it stands. */
interface Generation {
  partitions: number[]
  buffers: Map<number, PartitionBuffer>
  ready: boolean
  fault: Error | null
}

/** Fetching pauses while this many records wait: a few batches of a worker. */
const WAITING_RECORDS_MAX = 4000
const TURN_EVERY_MS = 2
const COMMIT_EVERY_MS = 2000
const RETRY_START_AFTER_MS = 1000

/**
 * A consumer by pulling over kafkajs's pushing: what it fetches waits in a buffer for each partition, and
 * while enough waits the next fetch does. Where to start comes from the store, never from Kafka: each batch
 * that arrives is compared with where we are, and fetched again from there when kafkajs was elsewhere.
 */
export function createKafkaConsumer(options: KafkaConsumerOptions): LogConsumer {
  const { topic, groupId, bounds, logger } = options
  const signal = createSignal()
  const commits = new Map<number, number>()
  let generation: Generation | null = null
  let turn = 0
  let turnedAt = 0
  let closed = false

  const toBatch = createBatchMaker(options)

  /** Until it has worked, or the partitions are gone. */
  const begin = async (mine: Generation): Promise<void> => {
    while (mine === generation && !closed) {
      try {
        const starts = await options.startAt?.(mine.partitions)
        const limits = await bounds.ask()
        if (mine !== generation) return
        for (const partition of mine.partitions) {
          // What a worker has said meanwhile is newer than what it told the store before.
          if (!mine.buffers.has(partition))
            open(mine, partition, starts?.get(partition), limits.get(partition))
        }
        mine.ready = true
        return signal.wake()
      } catch (error) {
        mine.fault = error instanceof Error ? error : new Error(String(error))
        signal.wake()
        await wait(RETRY_START_AFTER_MS)
      }
    }
  }

  const open = (mine: Generation, partition: number, start: number | undefined, limits?: Bounds): void => {
    const { low, high } = limits ?? { low: 0, high: 0 }
    const from = start ?? low
    if (from > high) throw olderThanStore(partition, high, from)
    const buffer = createPartitionBuffer(from)
    mine.buffers.set(partition, buffer)
    if (from < low) skipLost(buffer, partition, low)
    member.seek(partition, buffer.fetchNext())
  }

  const skipLost = (buffer: PartitionBuffer, partition: number, low: number): void => {
    const lost = { topic, groupId, partition, fromOffset: buffer.fetchNext(), toOffset: low }
    logger.error('records were deleted by retention before they were read', lost)
    buffer.skipTo(low)
  }

  /** kafkajs stands elsewhere than we: before the store's answer, or after the log's beginning has moved. */
  const realign = async (mine: Generation, buffer: PartitionBuffer, partition: number): Promise<void> => {
    const limits = (await bounds.ask()).get(partition)
    if (mine !== generation || limits === undefined) return
    if (buffer.fetchNext() > limits.high) {
      mine.fault = olderThanStore(partition, limits.high, buffer.fetchNext())
      signal.wake()
      await wait(RETRY_START_AFTER_MS)
    } else if (buffer.fetchNext() < limits.low) {
      skipLost(buffer, partition, limits.low)
    }
    member.seek(partition, buffer.fetchNext())
  }

  const onBatch = async ({ batch, resolveOffset, heartbeat, isStale }: EachBatchPayload): Promise<void> => {
    const mine = generation
    if (mine === null) return
    const pause = async (): Promise<void> => {
      await heartbeat()
      await signal.changed(heartbeatMsOf(options.sessionTimeoutMs))
    }
    const isMine = () => mine === generation && !closed
    while (isMine() && !mine.ready) await pause()
    const buffer = mine.buffers.get(batch.partition)
    if (!isMine() || isStale() || buffer === undefined) return
    if (fetchedOffsetOf(batch) !== buffer.fetchNext()) return await realign(mine, buffer, batch.partition)
    buffer.push(batch.messages.map(toFetched), Number(batch.lastOffset()) + 1)
    resolveOffset(batch.lastOffset())
    signal.wake()
    while (isMine() && waitingIn(mine) > WAITING_RECORDS_MAX) await pause()
  }

  const member = createGroupMember({
    ...options,
    onBatch,
    onAssigned(partitions) {
      logger.info('partitions assigned', { topic, groupId, partitions: partitions.join(' ') })
      generation = { partitions, buffers: new Map(), ready: false, fault: null }
      void begin(generation)
    },
    onRevoked() {
      generation = null
      signal.wake()
    },
    onSkipped(partition, firstOffset, nextOffset) {
      const buffer = generation?.buffers.get(partition)
      if (buffer !== undefined && buffer.fetchNext() === firstOffset) buffer.skipTo(nextOffset)
    },
  })

  const flushCommits = async (): Promise<void> => {
    if (commits.size === 0) return
    const sent = new Map(commits)
    commits.clear()
    try {
      await member.commit(sent)
    } catch (error) {
      logger.debug('Kafka did not take the advisory offsets', { groupId, reason: reasonOf(error) })
    }
  }
  const timer = setInterval(() => void flushCommits(), COMMIT_EVERY_MS)
  timer.unref()

  const takeByTurn = (recordsMax: number): LogBatch | null => {
    for (let i = 0; i < options.partitions; i++) {
      const partition = turn
      turn = (turn + 1) % options.partitions
      const run = generation?.buffers.get(partition)?.take(recordsMax) ?? null
      if (run !== null) return toBatch(partition, run)
    }
    return null
  }

  /** A caller that never waits for anything but us would keep fetches and heartbeats from their turn. */
  const letOthersRun = async (): Promise<void> => {
    if (performance.now() - turnedAt < TURN_EVERY_MS) return
    await immediate()
    turnedAt = performance.now()
  }

  const throwFault = (): void => {
    const fault = generation?.fault ?? null
    if (fault === null) return
    generation!.fault = null
    throw fault
  }

  return {
    assigned: () => generation?.partitions.slice() ?? [],
    seek(partition, offset) {
      if (!(partition >= 0 && partition < options.partitions))
        throw new RangeError(`no partition ${partition}`)
      const mine = generation
      if (mine === null || !mine.partitions.includes(partition)) return
      const buffer = mine.buffers.get(partition)
      if (buffer?.seek(offset) === true) return
      if (buffer === undefined) mine.buffers.set(partition, createPartitionBuffer(offset))
      member.seek(partition, offset)
      void checkEnd(mine, partition, offset)
    },
    async poll(recordsMax, waitMs) {
      if (recordsMax < 1) throw new RangeError('recordsMax must be at least 1')
      const until = performance.now() + waitMs
      while (!closed) {
        throwFault()
        const batch = takeByTurn(recordsMax)
        if (batch !== null) {
          signal.wake()
          await letOthersRun()
          return batch
        }
        const leftMs = until - performance.now()
        if (leftMs <= 0) return null
        await signal.changed(leftMs)
      }
      return null
    },
    committed(partition, offset) {
      if (!closed) commits.set(partition, offset)
    },
    async lag() {
      while (!closed && generation?.ready !== true) {
        throwFault()
        await signal.changed(1000)
      }
      const limits = await bounds.ask()
      let records = 0
      for (const [partition, buffer] of generation?.buffers ?? []) {
        const stand = buffer.waiting() > 0 ? buffer.position() : buffer.fetchNext()
        records += Math.max(0, (limits.get(partition)?.high ?? 0) - stand)
      }
      return records
    },
    async close() {
      if (closed) return
      await flushCommits()
      closed = true
      clearInterval(timer)
      signal.wake()
      await member.close()
      options.onClose()
    },
  }

  async function checkEnd(mine: Generation, partition: number, offset: number): Promise<void> {
    const high = (await bounds.ask().catch(() => null))?.get(partition)?.high
    if (high === undefined || offset <= high) return
    mine.fault = olderThanStore(partition, high, offset)
    signal.wake()
  }
}

/** The offset that was asked for: the batch has it, its published type has not (kafkajs 2.2.4). */
function fetchedOffsetOf(batch: Batch): number {
  return Number((batch as Batch & { fetchedOffset: string }).fetchedOffset)
}

function toFetched({ offset, value }: { offset: string; value: Buffer | null }): FetchedRecord {
  return { offset: Number(offset), value }
}

function waitingIn(generation: Generation): number {
  let records = 0
  for (const buffer of generation.buffers.values()) records += buffer.waiting()
  return records
}

function createBatchMaker({ onDamage }: KafkaConsumerOptions) {
  const parse = (partition: number, record: FetchedRecord) => {
    if (record.parsed !== undefined) return record.parsed
    record.parsed = record.value === null ? null : parseRecord(record.value.toString())
    if (record.parsed === null) {
      onDamage({
        partition,
        baseOffset: record.offset,
        records: 1,
        reason: 'not a record this version reads',
      })
    }
    return record.parsed
  }
  return (partition: number, run: { fromOffset: number; records: FetchedRecord[] }): LogBatch => {
    const baseOffset = run.records[0]!.offset
    return {
      partition,
      fromOffset: run.fromOffset,
      baseOffset,
      nextOffset: baseOffset + run.records.length,
      records: run.records.map((record) => parse(partition, record)),
    }
  }
}

/** Wakes whoever waits, a turn later: by then everything that came in one answer is there. */
function createSignal() {
  const waiting = new Set<() => void>()
  let scheduled = false
  return {
    wake() {
      if (scheduled) return
      scheduled = true
      setImmediate(() => {
        scheduled = false
        for (const resolve of waiting) resolve()
        waiting.clear()
      })
    },
    changed(waitMs: number): Promise<void> {
      return new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer)
          waiting.delete(end)
          resolve()
        }
        const timer = setTimeout(end, waitMs)
        waiting.add(end)
      })
    },
  }
}

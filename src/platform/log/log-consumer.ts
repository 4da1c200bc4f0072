import type { DatabaseSync } from 'node:sqlite'
import type { LogRecord } from '#contracts/event.ts'
import type { LogBatch, LogConsumer, StartAt } from '#contracts/event-log.ts'
import type { LogDamage } from './log-limits.ts'
import type { LogSignal } from './log-signal.ts'
import { createRowReader, type DecodedRow } from './row-reader.ts'

export interface LogConsumerOptions {
  /** The consumer's own connection, or the writer's when both are in one thread. */
  database: DatabaseSync
  partitions: number
  signal: LogSignal
  startAt?: StartAt | undefined
  onCommitted: (partition: number, offset: number) => void
  onDamage: (damage: LogDamage) => void
  onClose: () => void
}

/** A reader of all partitions, by turns. */
export function createLogConsumer(options: LogConsumerOptions): LogConsumer {
  const { partitions, signal } = options
  const readRow = createRowReader(options)
  const positions = new Array<number>(partitions).fill(0)
  /** What is left of the last row read of each partition. */
  const rests = new Array<DecodedRow | null>(partitions).fill(null)
  let turn = 0
  let started = options.startAt === undefined
  let closed = false

  const check = (partition: number): void => {
    if (!(partition >= 0 && partition < partitions)) throw new RangeError(`no partition ${partition}`)
  }

  const take = (partition: number, recordsMax: number): LogBatch | null => {
    const records: (LogRecord | null)[] = []
    const fromOffset = positions[partition]!
    let baseOffset = -1
    while (records.length < recordsMax && positions[partition]! < signal.end(partition)) {
      const row = rests[partition] ?? readRow(partition, positions[partition]!)
      rests[partition] = null
      if (row === null) break
      if (baseOffset === -1) baseOffset = row.offset
      // A gap (retention passed us) ends the batch: the next one starts behind it.
      if (row.offset !== baseOffset + records.length) {
        rests[partition] = row
        break
      }
      const room = recordsMax - records.length
      for (const record of row.records.slice(0, room)) records.push(record)
      if (row.records.length > room) {
        rests[partition] = { offset: row.offset + room, records: row.records.slice(room) }
      }
      positions[partition] = baseOffset + records.length
    }
    if (records.length === 0) return null
    return { partition, fromOffset, baseOffset, nextOffset: baseOffset + records.length, records }
  }

  const takeByTurn = (recordsMax: number): LogBatch | null => {
    for (let i = 0; i < partitions; i++) {
      const partition = turn
      turn = (turn + 1) % partitions
      if (positions[partition]! >= signal.end(partition)) continue
      const batch = take(partition, recordsMax)
      if (batch !== null) return batch
    }
    return null
  }

  const all = Array.from({ length: partitions }, (_, partition) => partition)

  const seek = (partition: number, offset: number): void => {
    check(partition)
    const end = signal.end(partition)
    if (offset > end) throw olderThanStore(partition, end, offset)
    positions[partition] = offset
    rests[partition] = null
  }

  const start = async (): Promise<void> => {
    const offsets = await options.startAt?.(all)
    for (const [partition, offset] of offsets ?? []) seek(partition, offset)
    started = true
  }

  return {
    assigned: () => all.slice(),
    seek,
    async poll(recordsMax, waitMs) {
      if (recordsMax < 1) throw new RangeError('recordsMax must be at least 1')
      const until = performance.now() + waitMs
      if (!started) await start()
      while (!closed) {
        const seen = signal.version()
        const batch = takeByTurn(recordsMax)
        if (batch !== null) return batch
        const leftMs = until - performance.now()
        if (leftMs <= 0) return null
        await signal.changed(seen, leftMs)
      }
      return null
    },
    committed(partition, offset) {
      check(partition)
      if (!closed) options.onCommitted(partition, offset)
    },
    async lag() {
      if (!started) await start()
      return positions.reduce((sum, position, p) => sum + Math.max(0, signal.end(p) - position), 0)
    },
    async close() {
      if (closed) return
      closed = true
      signal.wake()
      options.onClose()
    },
  }
}

/** A store restored without its log, or a log that was made anew: nothing may be skipped silently. */
export function olderThanStore(partition: number, end: number, offset: number): Error {
  return new Error(
    `the event log's partition ${partition} ends at ${end}, before offset ${offset} ` +
      'which the store has consumed: the log is older than the store. Restore both from one backup.',
  )
}

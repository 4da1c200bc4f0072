import type { AppendResult, EventLog, LogConsumer } from '#contracts/event-log.ts'
import { decodeAppend, encodeAppend } from './append-frame.ts'
import { createGroupCommit } from './group-commit.ts'
import { createLogConsumer } from './log-consumer.ts'
import { IN_FLIGHT_BYTES_MAX, type LogDamage } from './log-limits.ts'
import { createLogSignal, endsOf } from './log-signal.ts'
import { createSqliteLog, type SqliteLogOptions } from './sqlite-log.ts'

export interface InThreadLog extends EventLog {
  /** Saves consumers' offsets and applies retention now; it also happens by itself once a second. */
  maintain(): Promise<void>
}

/**
 * The log in the caller's own thread, for simulation and tests; calls of one turn of the event loop
 * share a commit. With `file: ':memory:'` nothing touches a disk, and nothing lasts.
 */
export function createInThreadLog(
  options: SqliteLogOptions & { onDamage?: (damage: LogDamage) => void },
): InThreadLog {
  const log = createSqliteLog({
    ...options,
    onAppended: (nextOffsets) => {
      signal.publish(nextOffsets)
      options.onAppended?.(nextOffsets)
    },
  })
  const signal = createLogSignal(log.partitions)
  signal.publish(log.nextOffsets())
  const commits = createGroupCommit(log)
  const consumers = new Set<LogConsumer>()
  let inFlightBytes = 0

  return {
    partitions: log.partitions,
    maintain: commits.maintain,
    append(records) {
      if (records.length === 0) return Promise.resolve({ kind: 'appended' })
      const frame = encodeAppend(0, records, log.partitions)
      if (inFlightBytes + frame.byteLength > IN_FLIGHT_BYTES_MAX) {
        return Promise.resolve({ kind: 'full', retryAfterSeconds: 1 })
      }
      inFlightBytes += frame.byteLength
      return new Promise<AppendResult>((resolve) => {
        commits.submit(decodeAppend(frame).runs, (result) => {
          inFlightBytes -= frame.byteLength
          resolve(result)
        })
      })
    },
    consumer(group, startAt) {
      log.consumed.register(group)
      const consumer = createLogConsumer({
        database: log.database,
        partitions: log.partitions,
        signal,
        startAt,
        onCommitted: (partition, offset) => log.consumed.commit(group, partition, offset),
        onDamage: options.onDamage ?? (() => {}),
        onClose: () => consumers.delete(consumer),
      })
      consumers.add(consumer)
      return consumer
    },
    ends: async () => endsOf(signal, log.partitions),
    async close() {
      for (const consumer of consumers) await consumer.close()
      commits.close()
    },
  }
}

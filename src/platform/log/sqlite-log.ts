import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '#contracts/clock.ts'
import type { AppendResult } from '#contracts/event-log.ts'
import type { PartitionRun } from './append-frame.ts'
import { type ConsumedOffsets, createConsumedOffsets, type LogTail } from './consumed-offsets.ts'
import { diskRefusal, rollBack } from './disk-refusal.ts'
import { openLogFile } from './log-file.ts'
import { DEFAULT_LOG_LIMITS, type LogLimits } from './log-limits.ts'
import { createRetention } from './retention.ts'
import { checkRow, positionOf, ROW_FORMAT } from './row-codec.ts'

/** Where a test may stop the process inside an append. */
export type FaultPoint = 'before-begin' | 'after-begin' | 'between-inserts' | 'before-commit' | 'after-commit'

/** Calls that share a commit share rows up to this size; damage to where a row stands costs no more than this. */
const ROW_BYTES_MAX = 256 * 1024

/** What a caller is told to wait when the consumers are behind. */
const RETRY_AFTER_SECONDS = 5

export interface SqliteLogOptions {
  /** `log.db` in the data folder, or ':memory:' where nothing must last. */
  file: string
  /** Fixed when the file is made (8 unless given); another number is refused. */
  partitions?: number
  /** Drives retention by age. */
  wallClock: Clock
  limits?: Partial<LogLimits>
  /** After each commit: the offset after the last record of each partition. */
  onAppended?: (nextOffsets: readonly number[]) => void
  faultPoint?: (point: FaultPoint) => void
}

/** The writer's side of the log: synchronous, one per file. */
export interface SqliteLog {
  readonly partitions: number
  readonly database: DatabaseSync
  readonly consumed: ConsumedOffsets
  nextOffsets(): number[]
  /** One transaction and one fdatasync for all calls; each call is in whole or not at all. */
  append(calls: PartitionRun[][]): AppendResult[]
  /** Saves consumers' offsets and deletes a little of what retention allows. True when there is more. */
  maintain(): boolean
  close(): void
}

export function createSqliteLog(options: SqliteLogOptions): SqliteLog {
  const { database, partitions } = openLogFile(options.file, options.partitions)
  const limits = { ...DEFAULT_LOG_LIMITS, ...options.limits }
  const tails = loadTails(database)
  const consumed = createConsumedOffsets(database, tails)
  const retention = createRetention({ database, tails, consumed, wallClock: options.wallClock, limits })
  const writeRows = createRowWriter(database, options.wallClock, options.faultPoint)
  const nextOffsets = (): number[] => tails.map((tail) => tail.nextOffset)

  return {
    partitions,
    database,
    consumed,
    nextOffsets,
    append(calls) {
      const admitted = admit(calls, limits.backlogBytesMax - consumed.backlogBytes())
      if (admitted.bodies.size === 0) return admitted.results
      let moved: Map<number, LogTail>
      try {
        moved = writeRows(admitted.bodies, tails)
      } catch (error) {
        rollBack(database)
        const reason = diskRefusal(error)
        if (reason === undefined) throw error
        return calls.map(() => ({ kind: 'unavailable', reason }))
      }
      for (const [partition, tail] of moved) {
        retention.grew(tail.bytesEnd - tails[partition]!.bytesEnd)
        Object.assign(tails[partition]!, tail)
      }
      options.onAppended?.(nextOffsets())
      options.faultPoint?.('after-commit')
      return admitted.results
    },
    maintain() {
      try {
        consumed.save()
        return retention.step()
      } catch (error) {
        rollBack(database)
        if (diskRefusal(error) === undefined) throw error
        return false // A full disk refuses appends too, which is where it is reported.
      }
    },
    close() {
      try {
        consumed.save()
      } catch (error) {
        rollBack(database)
        if (diskRefusal(error) === undefined) throw error
      }
      database.close()
    },
  }
}

interface Admitted {
  results: AppendResult[]
  /** Runs of the admitted calls by partition, in the order of the calls. */
  bodies: Map<number, PartitionRun[]>
}

function admit(calls: PartitionRun[][], roomBytes: number): Admitted {
  const admitted: Admitted = { results: [], bodies: new Map() }
  let room = roomBytes
  for (const runs of calls) {
    room -= runs.reduce((sum, run) => sum + run.body.byteLength, 0)
    // `room` stays negative: no later, smaller call overtakes a refused one.
    if (room < 0) {
      admitted.results.push({ kind: 'full', retryAfterSeconds: RETRY_AFTER_SECONDS })
      continue
    }
    admitted.results.push({ kind: 'appended' })
    for (const run of runs) {
      const list = admitted.bodies.get(run.partition)
      if (list === undefined) admitted.bodies.set(run.partition, [run])
      else list.push(run)
    }
  }
  return admitted
}

/** Writes and commits runs behind `tails`; gives the new tails of the partitions it wrote to. */
function createRowWriter(database: DatabaseSync, wallClock: Clock, faultPoint?: (point: FaultPoint) => void) {
  const begin = database.prepare('begin immediate')
  const commit = database.prepare('commit')
  const insert = database.prepare(`insert into log_rows
    (position, records, appended_at, bytes_before, format, checksum, body, checks)
    values (?, ?, ?, ?, ?, ?, ?, ?)`)
  const moveTail = database.prepare(
    'update log_tails set next_offset = ?, bytes_end = ? where log_tails.partition = ?',
  )
  return (bodies: Map<number, PartitionRun[]>, tails: LogTail[]): Map<number, LogTail> => {
    const appendedAt = wallClock.now()
    const moved = new Map<number, LogTail>()
    faultPoint?.('before-begin')
    begin.run()
    faultPoint?.('after-begin')
    for (const [partition, runs] of bodies) {
      const tail = { ...tails[partition]! }
      for (const row of mergeRuns(runs)) {
        const position = positionOf(partition, tail.nextOffset)
        const { checksum, checks } = checkRow({ position, records: row.count, body: row.body })
        insert.run(position, row.count, appendedAt, tail.bytesEnd, ROW_FORMAT, checksum, row.body, checks)
        tail.nextOffset += row.count
        tail.bytesEnd += row.body.byteLength
        faultPoint?.('between-inserts')
      }
      moveTail.run(tail.nextOffset, tail.bytesEnd, partition)
      moved.set(partition, tail)
    }
    faultPoint?.('before-commit')
    commit.run()
    return moved
  }
}

const NEWLINE = Buffer.from('\n')

/** Joins neighbouring runs into rows of at most ROW_BYTES_MAX; a longer run stays whole. */
function mergeRuns(runs: PartitionRun[]): { count: number; body: Uint8Array }[] {
  if (runs.length === 1) return runs
  const rows: { count: number; body: Uint8Array }[] = []
  let parts: Uint8Array[] = []
  let count = 0
  let bytes = 0
  const endRow = () => rows.push({ count, body: parts.length === 1 ? parts[0]! : Buffer.concat(parts) })
  for (const run of runs) {
    if (count > 0 && bytes + run.body.byteLength > ROW_BYTES_MAX) {
      endRow()
      parts = []
      count = 0
      bytes = 0
    }
    if (parts.length > 0) parts.push(NEWLINE)
    parts.push(run.body)
    count += run.count
    bytes += run.body.byteLength + 1
  }
  endRow()
  return rows
}

function loadTails(database: DatabaseSync): LogTail[] {
  return database
    .prepare('select log_tails.next_offset, log_tails.bytes_end from log_tails order by log_tails.partition')
    .all()
    .map((row) => ({ nextOffset: Number(row.next_offset), bytesEnd: Number(row.bytes_end) }))
}

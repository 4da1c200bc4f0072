import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '#contracts/clock.ts'
import type { ConsumedOffsets, LogTail } from './consumed-offsets.ts'
import type { LogLimits } from './log-limits.ts'
import { offsetOf, positionOf } from './row-codec.ts'

/** Rows looked at per partition and step: a step stays in the range of one commit. */
const STEP_ROWS_MAX = 64

export interface Retention {
  /**
   * Deletes some rows that every group has consumed and that are too old, or too many. True when there
   * may be more to delete. Freed pages are used by later appends; the file does not shrink.
   */
  step(): boolean
  /** Tells of bytes appended since. */
  grew(bytes: number): void
}

interface RetentionParts {
  database: DatabaseSync
  tails: LogTail[]
  consumed: ConsumedOffsets
  wallClock: Clock
  limits: LogLimits
}

export function createRetention({ database, tails, consumed, wallClock, limits }: RetentionParts): Retention {
  const oldest = database.prepare(`select log_rows.position, log_rows.appended_at, log_rows.bytes_before
    from log_rows where log_rows.position >= ? and log_rows.position < ?
    order by log_rows.position limit ${STEP_ROWS_MAX + 1}`)
  const remove = database.prepare(
    'delete from log_rows where log_rows.position >= ? and log_rows.position < ?',
  )
  let storedBytes = tails.reduce((sum, tail, i) => sum + tail.bytesEnd - consumed.bytesBefore(i, 0), 0)

  /** The first rows of a partition that may go: up to which offset, and their bytes. */
  const expired = (partition: number, quotaBytes: number): { end: number; bytes: number; more: boolean } => {
    const tail = tails[partition]!
    const floor = consumed.floor(partition)
    const keepSince = wallClock.now() - limits.retentionMs
    const rows = oldest.all(positionOf(partition, 0), positionOf(partition + 1, 0))
    const considered = Math.min(rows.length, STEP_ROWS_MAX)
    let end = 0
    let bytes = 0
    for (let i = 0; i < considered; i++) {
      const next = rows[i + 1]
      // The next row tells where this one ends, also when this one is damaged.
      const rowEnd = next === undefined ? tail.nextOffset : offsetOf(Number(next.position))
      const bytesEnd = next === undefined ? tail.bytesEnd : Number(next.bytes_before)
      const tooOld = Number(rows[i]!.appended_at) < keepSince
      if (rowEnd > floor || (!tooOld && bytes >= quotaBytes)) return { end, bytes, more: false }
      end = rowEnd
      bytes += bytesEnd - Number(rows[i]!.bytes_before)
    }
    return { end, bytes, more: rows.length > STEP_ROWS_MAX }
  }

  return {
    grew(bytes) {
      storedBytes += bytes
    },
    step() {
      // The excess is shared out, so that no partition loses its history for the others.
      const quotaBytes = Math.max(0, Math.ceil((storedBytes - limits.retentionBytesMax) / tails.length))
      const found = tails.map((_, partition) => expired(partition, quotaBytes))
      if (found.every((part) => part.end === 0)) return false
      database.exec('begin immediate')
      found.forEach((part, partition) => {
        if (part.end > 0) remove.run(positionOf(partition, 0), positionOf(partition, part.end))
      })
      database.exec('commit')
      for (const part of found) storedBytes -= part.bytes
      return found.some((part) => part.more) || storedBytes > limits.retentionBytesMax
    },
  }
}

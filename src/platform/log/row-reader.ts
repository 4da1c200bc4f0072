import type { DatabaseSync } from 'node:sqlite'
import type { LogRecord } from '#contracts/event.ts'
import type { LogDamage } from './log-limits.ts'
import type { LogSignal } from './log-signal.ts'
import { decodeRow, type LogRow, offsetOf, positionOf } from './row-codec.ts'

/** Records in order; the first has offset `offset`. */
export interface DecodedRow {
  offset: number
  records: (LogRecord | null)[]
}

/** The rest, from `offset` on, of the row that holds `offset`; else the next row; null at the end. */
export type ReadRow = (partition: number, offset: number) => DecodedRow | null

export function createRowReader({
  database,
  signal,
  onDamage,
}: {
  database: DatabaseSync
  signal: LogSignal
  onDamage: (damage: LogDamage) => void
}): ReadRow {
  const columns = 'log_rows.position, log_rows.records, log_rows.format, log_rows.checksum, log_rows.body'
  const holding = database.prepare(`select ${columns} from log_rows
    where log_rows.position <= ? and log_rows.position >= ? order by log_rows.position desc limit 1`)
  const after = database.prepare(`select ${columns} from log_rows
    where log_rows.position > ? and log_rows.position < ? order by log_rows.position limit 1`)
  const next = database.prepare(`select log_rows.position from log_rows
    where log_rows.position > ? and log_rows.position < ? order by log_rows.position limit 1`)

  /** Where the next row begins, or the partition ends: true also when this row's own count is not. */
  const endOf = (partition: number, row: LogRow): number => {
    const found = next.get(row.position, positionOf(partition + 1, 0))
    return found === undefined ? signal.end(partition) : offsetOf(Number(found.position))
  }

  const decode = (partition: number, row: LogRow): DecodedRow => {
    const offset = offsetOf(row.position)
    const decoded = decodeRow(row)
    if ('damage' in decoded) {
      const records = new Array<LogRecord | null>(endOf(partition, row) - offset).fill(null)
      onDamage({ partition, baseOffset: offset, records: records.length, reason: decoded.damage })
      return { offset, records }
    }
    decoded.records.forEach((record, i) => {
      if (record === null) {
        onDamage({ partition, baseOffset: offset + i, records: 1, reason: 'not a record this version reads' })
      }
    })
    return { offset, records: decoded.records }
  }

  return (partition, offset) => {
    const position = positionOf(partition, offset)
    const held = holding.get(position, positionOf(partition, 0)) as LogRow | undefined
    if (held !== undefined) {
      const row = decode(partition, held)
      const skip = offset - row.offset
      if (skip < row.records.length) return skip === 0 ? row : { offset, records: row.records.slice(skip) }
    }
    const found = after.get(position, positionOf(partition + 1, 0)) as LogRow | undefined
    return found === undefined ? null : decode(partition, found)
  }
}

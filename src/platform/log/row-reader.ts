import type { DatabaseSync } from 'node:sqlite'
import type { LogRecord } from '#contracts/event.ts'
import { isCorrupt } from './disk-refusal.ts'
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
  const holding = rowGetter(
    database,
    'where log_rows.position <= ? and log_rows.position >= ? order by log_rows.position desc limit 1',
  )
  const after = rowGetter(
    database,
    'where log_rows.position > ? and log_rows.position < ? order by log_rows.position limit 1',
  )
  const next = database.prepare(`select log_rows.position from log_rows
    where log_rows.position > ? and log_rows.position < ? order by log_rows.position limit 1`)

  /** Where the next row begins, or the partition ends: true also when this row's own count is not. */
  const endOf = (partition: number, row: LogRow): number => {
    const found = next.get(row.position, positionOf(partition + 1, 0))
    return found === undefined ? signal.end(partition) : offsetOf(Number(found.position))
  }

  const decode = (partition: number, row: LogRow): DecodedRow => {
    const offset = offsetOf(row.position)
    const content = decodeRow(row)
    const count = 'damage' in content || !content.isWhole ? endOf(partition, row) - offset : row.records
    const lost = (reason: string): DecodedRow => {
      onDamage({ partition, baseOffset: offset, records: count, reason })
      return { offset, records: new Array<LogRecord | null>(count).fill(null) }
    }
    if ('damage' in content) return lost(content.damage)
    if (content.records.length !== count)
      return lost(`holds ${content.records.length} records instead of ${count}`)
    for (const { first, records, reason } of runsOf(content.faults)) {
      onDamage({ partition, baseOffset: offset + first, records, reason })
    }
    return { offset, records: content.records }
  }

  return (partition, offset) => {
    const position = positionOf(partition, offset)
    const held = holding(position, positionOf(partition, 0))
    if (held !== undefined) {
      const row = decode(partition, held)
      const skip = offset - row.offset
      if (skip < row.records.length) return skip === 0 ? row : { offset, records: row.records.slice(skip) }
    }
    const found = after(position, positionOf(partition + 1, 0))
    return found === undefined ? null : decode(partition, found)
  }
}

/** Neighbouring records with one fault are one report. */
function runsOf(faults: Map<number, string>): { first: number; records: number; reason: string }[] {
  const runs: { first: number; records: number; reason: string }[] = []
  for (const [place, reason] of faults) {
    const last = runs.at(-1)
    if (last !== undefined && last.reason === reason && last.first + last.records === place) last.records++
    else runs.push({ first: place, records: 1, reason })
  }
  return runs
}

/** Of a row whose pages are damaged so that SQLite cannot read its body, there is only where it stands. */
function rowGetter(database: DatabaseSync, where: string): (from: number, to: number) => LogRow | undefined {
  const head = 'log_rows.position, log_rows.records, log_rows.format, log_rows.checksum'
  const whole = database.prepare(`select ${head}, log_rows.body, log_rows.checks from log_rows ${where}`)
  const headOnly = database.prepare(`select ${head} from log_rows ${where}`)
  return (from, to) => {
    try {
      return whole.get(from, to) as LogRow | undefined
    } catch (error) {
      if (!isCorrupt(error)) throw error
      const row = headOnly.get(from, to)
      return row && ({ ...row, body: new Uint8Array(), checks: new Uint8Array() } as unknown as LogRow)
    }
  }
}

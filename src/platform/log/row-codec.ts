import { crc32 } from 'node:zlib'
import type { LogRecord } from '#contracts/event.ts'

/** Format of a row's body: 1 is JSON texts joined by newlines, in UTF-8. */
export const ROW_FORMAT = 1

/** The newest envelope this code reads. */
const ENVELOPE_VERSION_MAX = 1

/** Partition and offset in one integer key: 2^44 records a partition, 512 partitions below 2^53. */
const OFFSETS_PER_PARTITION = 2 ** 44
export const PARTITIONS_MAX = 512

export interface LogRow {
  position: number
  records: number
  format: number
  checksum: number
  body: Uint8Array
}

export function positionOf(partition: number, offset: number): number {
  return partition * OFFSETS_PER_PARTITION + offset
}

export function offsetOf(position: number): number {
  return position % OFFSETS_PER_PARTITION
}

/** CRC-32 over where the row stands, how many records it holds, and their bytes. */
export function checksumOf(row: Pick<LogRow, 'position' | 'records' | 'format' | 'body'>): number {
  return crc32(row.body, crc32(`${row.position} ${row.records} ${row.format}`))
}

/**
 * The records of a row. A row that is damaged as a whole gives a reason; inside a sound row, a record
 * that is no JSON envelope we know is `null`.
 */
export function decodeRow(row: LogRow): { records: (LogRecord | null)[] } | { damage: string } {
  if (checksumOf(row) !== row.checksum) return { damage: 'checksum does not match' }
  if (row.format !== ROW_FORMAT) return { damage: `unknown row format ${row.format}` }
  const lines = Buffer.from(row.body.buffer, row.body.byteOffset, row.body.byteLength).toString().split('\n')
  if (lines.length !== row.records) {
    return { damage: `holds ${lines.length} records instead of ${row.records}` }
  }
  return { records: lines.map(parseRecord) }
}

function parseRecord(line: string): LogRecord | null {
  try {
    const record = JSON.parse(line) as LogRecord | null
    return typeof record?.v === 'number' && record.v <= ENVELOPE_VERSION_MAX ? record : null
  } catch {
    return null
  }
}

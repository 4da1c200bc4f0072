import { crc32 } from 'node:zlib'
import type { LogRecord } from '#contracts/event.ts'

/**
 * Format of a row. Its body is JSON texts joined by newlines, in UTF-8. 1: one checksum for all of it.
 * 2: `checks` tells where each record ends and the checksum up to there, so that each is judged by itself.
 */
export const ROW_FORMAT = 2

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
  /** Two little-endian words of 32 bits for each record; see `checkRow`. Empty in format 1. */
  checks: Uint8Array
}

export function positionOf(partition: number, offset: number): number {
  return partition * OFFSETS_PER_PARTITION + offset
}

export function offsetOf(position: number): number {
  return position % OFFSETS_PER_PARTITION
}

/** CRC-32 over where the row stands, how many records it holds, and their bytes. */
export function checksumOf(row: Pick<LogRow, 'position' | 'records' | 'format' | 'body'>): number {
  return crc32(row.body, headChecksum(row))
}

/**
 * The checksum of a row of this format, and for each record the end of its text and the checksum's value
 * when it and its newline are counted in: one pass over the bytes gives both. A record is sound when its
 * bytes lead from its neighbour's value to its own, whatever became of the neighbour. The values are stored
 * with the head's exclusive-ored in: in a row that stands where it does not belong nothing is sound.
 */
export function checkRow(
  row: Pick<LogRow, 'position' | 'records' | 'body'>,
): Pick<LogRow, 'checksum' | 'checks'> {
  const body = bufferOf(row.body)
  const checks = Buffer.allocUnsafe(row.records * CHECK_BYTES)
  const head = headChecksum({ ...row, format: ROW_FORMAT })
  let checksum = head
  let start = 0
  for (let i = 0; i < row.records; i++) {
    const newline = i === row.records - 1 ? -1 : body.indexOf(NEWLINE, start)
    const end = newline === -1 ? body.length : newline
    const next = Math.min(end + 1, body.length)
    checksum = crc32(body.subarray(start, next), checksum)
    checks.writeUInt32LE((checksum ^ head) >>> 0, checks.writeUInt32LE(end, i * CHECK_BYTES))
    start = next
  }
  return { checksum, checks }
}

/** What a row holds; `isWhole` is false where its checksum does not match, and each record was judged alone. */
export interface RowContent {
  isWhole: boolean
  records: (LogRecord | null)[]
  /** Why a record is `null`, by its place in the row. */
  faults: Map<number, string>
}

/**
 * The records of a row; one that is damaged, or no JSON envelope we know, is `null`. A row in which no record
 * can be told from its neighbours gives a reason instead.
 */
export function decodeRow(row: LogRow): RowContent | { damage: string } {
  const isWhole = checksumOf(row) === row.checksum
  if (!isWhole) return row.format === ROW_FORMAT ? salvage(row) : { damage: WRONG_CHECKSUM }
  if (row.format > ROW_FORMAT) return { damage: `unknown row format ${row.format}` }
  const lines = bufferOf(row.body).toString().split('\n')
  if (lines.length !== row.records) {
    return { damage: `holds ${lines.length} records instead of ${row.records}` }
  }
  const content: RowContent = { isWhole, records: [], faults: new Map() }
  for (const line of lines) addRecord(content, line)
  return content
}

/** The records that agree with their own checks. How many there are is what `checks` has room for. */
function salvage(row: LogRow): RowContent | { damage: string } {
  const records = row.checks.byteLength / CHECK_BYTES
  if (records === 0 || !Number.isInteger(records)) return { damage: WRONG_CHECKSUM }
  const body = bufferOf(row.body)
  const checks = bufferOf(row.checks)
  const content: RowContent = { isWhole: false, records: [], faults: new Map() }
  const head = headChecksum({ ...row, records })
  let before = head
  let start = 0
  for (let i = 0; i < records; i++) {
    const end = checks.readUInt32LE(i * CHECK_BYTES)
    const checksum = (checks.readUInt32LE(i * CHECK_BYTES + 4) ^ head) >>> 0
    const next = i === records - 1 ? end : end + 1
    const isSound =
      start < end && next <= body.length && crc32(body.subarray(start, next), before) === checksum
    if (isSound) addRecord(content, body.toString('utf8', start, end))
    else addFault(content, WRONG_CHECKSUM)
    before = checksum
    start = end + 1
  }
  return content
}

function addRecord(content: RowContent, line: string): void {
  const record = parseRecord(line)
  if (record === null) addFault(content, 'not a record this version reads')
  else content.records.push(record)
}

function addFault({ records, faults }: RowContent, reason: string): void {
  faults.set(records.length, reason)
  records.push(null)
}

const NEWLINE = 0x0a
const CHECK_BYTES = 8
const WRONG_CHECKSUM = 'checksum does not match'

function headChecksum(row: Pick<LogRow, 'position' | 'records' | 'format'>): number {
  return crc32(`${row.position} ${row.records} ${row.format}`)
}

/** A view of the same bytes. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The envelope, when it is one this version reads. */
export function parseRecord(line: string): LogRecord | null {
  try {
    const record = JSON.parse(line) as LogRecord | null
    return typeof record?.v === 'number' && record.v <= ENVELOPE_VERSION_MAX ? record : null
  } catch {
    return null
  }
}

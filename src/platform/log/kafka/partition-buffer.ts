import type { LogRecord } from '#contracts/event.ts'

/** A record as fetched; parsed when it is handed out. */
export interface FetchedRecord {
  offset: number
  value: Buffer | null
  parsed?: LogRecord | null
}

export interface BufferRun {
  /** Where the consumer stood; lower than the first record's offset after a gap. */
  fromOffset: number
  records: FetchedRecord[]
}

/**
 * What was fetched of one partition and not yet handed out, and what was handed out last: a worker that
 * took only a part of its batch seeks back into it, and need not fetch it again.
 */
export interface PartitionBuffer {
  /** The next record handed out is the first at or after this. */
  position(): number
  /** The next record fetched is the first at or after this. */
  fetchNext(): number
  /** Records not yet handed out. */
  waiting(): number
  /** Records that came, in order, and the offset after them (and after what is not for us). */
  push(records: FetchedRecord[], fetchNext: number): void
  /** Up to `recordsMax` records without a gap between them; null when none waits. */
  take(recordsMax: number): BufferRun | null
  /** False when the offset is not in memory: the caller fetches from there. */
  seek(offset: number): boolean
  /** Nothing before `offset` is left in the log. */
  skipTo(offset: number): void
}

export function createPartitionBuffer(start: number): PartitionBuffer {
  let records: FetchedRecord[] = []
  /** The first record of `records` is the first one at or after this. */
  let keptFrom = start
  /** Index of the first record not yet handed out. */
  let next = 0
  let position = start
  let fetchNext = start

  return {
    position: () => position,
    fetchNext: () => fetchNext,
    waiting: () => records.length - next,
    push(more, end) {
      for (const record of more) records.push(record)
      fetchNext = end
    },
    take(recordsMax) {
      records = records.slice(next)
      next = 0
      keptFrom = position
      const first = records[0]
      if (first === undefined) return null
      let count = 1
      while (count < recordsMax && records[count]?.offset === first.offset + count) count++
      const fromOffset = position
      next = count
      position = first.offset + count
      return { fromOffset, records: records.slice(0, count) }
    },
    seek(offset) {
      position = offset
      if (offset >= keptFrom && offset <= fetchNext) {
        next = records.findIndex((record) => record.offset >= offset)
        if (next === -1) next = records.length
        return true
      }
      records = []
      keptFrom = offset
      next = 0
      fetchNext = offset
      return false
    },
    skipTo(offset) {
      fetchNext = offset
    },
  }
}

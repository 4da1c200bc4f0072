import type { DatabaseSync } from 'node:sqlite'
import { offsetOf, positionOf } from './row-codec.ts'

/** End of a partition: the next record's offset and the bytes appended since the file was made. */
export interface LogTail {
  nextOffset: number
  bytesEnd: number
}

/** What each group has consumed, as it told us; it bounds retention and the backlog. */
export interface ConsumedOffsets {
  /** A new group has consumed nothing. */
  register(group: string): void
  commit(group: string, partition: number, offset: number): void
  /** Offset before which every group has everything; 0 while no group is known. */
  floor(partition: number): number
  /** Bytes that some group has not consumed, by whole rows. */
  backlogBytes(): number
  /** Bytes of the partition's rows before the one that holds `offset`, since the file was made. */
  bytesBefore(partition: number, offset: number): number
  /** Writes changed offsets. They are advisory, so that once a second is enough. */
  save(): void
}

export function createConsumedOffsets(database: DatabaseSync, tails: LogTail[]): ConsumedOffsets {
  const groups = loadGroups(database, tails.length)
  const statements = prepareStatements(database)
  const changed = new Set<string>()
  /** Bytes before each partition's floor; undefined where it must be looked up again. */
  const floorBytes = new Array<number | undefined>(tails.length).fill(undefined)

  const floor = (partition: number): number => {
    let least = Number.POSITIVE_INFINITY
    for (const offsets of groups.values()) least = Math.min(least, offsets[partition] ?? 0)
    return Number.isFinite(least) ? least : 0
  }

  const bytesBefore = (partition: number, offset: number): number => {
    const position = positionOf(partition, offset)
    const held = statements.holding.get(position, positionOf(partition, 0))
    if (held !== undefined && offsetOf(Number(held.position)) + Number(held.records) > offset) {
      return Number(held.bytes_before)
    }
    const next = statements.after.get(position, positionOf(partition + 1, 0))
    return next === undefined ? tails[partition]!.bytesEnd : Number(next.bytes_before)
  }

  return {
    floor,
    bytesBefore,
    register(group) {
      if (groups.has(group)) return
      groups.set(group, new Array<number>(tails.length).fill(0))
      floorBytes.fill(undefined)
      changed.add(group)
    },
    commit(group, partition, offset) {
      this.register(group)
      const tail = tails[partition]
      if (tail === undefined) throw new RangeError(`no partition ${partition}`)
      groups.get(group)![partition] = Math.min(offset, tail.nextOffset)
      floorBytes[partition] = undefined
      changed.add(group)
    },
    backlogBytes() {
      let bytes = 0
      for (let partition = 0; partition < tails.length; partition++) {
        floorBytes[partition] ??= bytesBefore(partition, floor(partition))
        bytes += tails[partition]!.bytesEnd - floorBytes[partition]!
      }
      return bytes
    },
    save() {
      if (changed.size === 0) return
      database.exec('begin immediate')
      for (const group of changed) {
        groups.get(group)!.forEach((offset, partition) => {
          statements.save.run(group, partition, offset)
        })
      }
      database.exec('commit')
      changed.clear()
    },
  }
}

function loadGroups(database: DatabaseSync, partitions: number): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  const rows = database
    .prepare(`select log_consumers.consumer_group, log_consumers.partition, log_consumers.next_offset
      from log_consumers`)
    .all()
  for (const row of rows) {
    const group = String(row.consumer_group)
    const offsets = groups.get(group) ?? new Array<number>(partitions).fill(0)
    offsets[Number(row.partition)] = Number(row.next_offset)
    groups.set(group, offsets)
  }
  return groups
}

function prepareStatements(database: DatabaseSync) {
  return {
    holding: database.prepare(`select log_rows.position, log_rows.records, log_rows.bytes_before from log_rows
      where log_rows.position <= ? and log_rows.position >= ? order by log_rows.position desc limit 1`),
    after: database.prepare(`select log_rows.bytes_before from log_rows
      where log_rows.position > ? and log_rows.position < ? order by log_rows.position limit 1`),
    save: database.prepare(`insert into log_consumers (consumer_group, partition, next_offset) values (?, ?, ?)
      on conflict (consumer_group, partition) do update set next_offset = excluded.next_offset`),
  }
}

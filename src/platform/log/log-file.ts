import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { DEFAULT_PARTITIONS } from './log-limits.ts'
import { PARTITIONS_MAX } from './row-codec.ts'

/** 2: rows have a check for each record. A file of format 1 takes the column when it is opened. */
const FILE_FORMAT = 2

/**
 * Opens (or makes) log.db for its one writer: WAL, and an fdatasync before each commit returns.
 * Throws a line for the operator when the file is of a newer format or has other partitions.
 */
export function openLogFile(
  file: string,
  partitionsWanted: number | undefined,
): { database: DatabaseSync; partitions: number } {
  if (partitionsWanted !== undefined && !(partitionsWanted >= 1 && partitionsWanted <= PARTITIONS_MAX)) {
    throw new RangeError(`an event log has 1 to ${PARTITIONS_MAX} partitions, not ${partitionsWanted}`)
  }
  const database = new DatabaseSync(file, { timeout: 5000 })
  try {
    database.exec('pragma journal_mode = wal')
    database.exec('pragma synchronous = full')
    // Four times the default: fewer checkpoints, each of which syncs twice.
    database.exec('pragma wal_autocheckpoint = 4000')
    // Deleted records hold personal data: overwrite them, since their pages may wait long for reuse.
    database.exec('pragma secure_delete = on')
    const partitions = readMeta(database, file, partitionsWanted) ?? createTables(database, partitionsWanted)
    return { database, partitions }
  } catch (error) {
    database.close()
    throw error
  }
}

/** A reader for another thread. WAL lets it read beside the writer. */
export function openLogReader(file: string): DatabaseSync {
  return new DatabaseSync(file, { readOnly: true, timeout: 5000 })
}

/** The offset after the last record of each partition, of a log that nobody serves now; null where there is none. */
export function readLogEnds(file: string): Map<number, number> | null {
  if (!existsSync(file)) return null
  const database = openLogReader(file)
  try {
    checkFormat(database, file)
    const tails = database.prepare('select log_tails.partition, log_tails.next_offset from log_tails').all()
    return new Map(tails.map((row) => [Number(row.partition), Number(row.next_offset)]))
  } finally {
    database.close()
  }
}

function readMeta(database: DatabaseSync, file: string, wanted: number | undefined): number | undefined {
  const table = database.prepare(`select 1 from sqlite_schema where name = 'log_meta'`).get()
  if (table === undefined) return undefined
  const { format, partitions } = checkFormat(database, file)
  if (wanted !== undefined && wanted !== partitions) {
    throw new Error(
      `${file} was made with ${partitions} partitions and cannot be opened with ${wanted}: ` +
        `customers would change partition and lose their order. Set the partitions to ${partitions}.`,
    )
  }
  if (format < FILE_FORMAT) upgrade(database)
  return partitions
}

function checkFormat(database: DatabaseSync, file: string): { format: number; partitions: number } {
  const meta = database.prepare('select log_meta.format, log_meta.partitions from log_meta').get()
  const format = Number(meta?.format)
  if (!(format <= FILE_FORMAT)) {
    throw new Error(
      `${file} was written by a newer version of Starling (it has log format ${format}, this version reads up to ${FILE_FORMAT}). Run that version, or restore a backup.`,
    )
  }
  return { format, partitions: Number(meta?.partitions) }
}

/** From format 1. The rows that are there keep theirs. */
function upgrade(database: DatabaseSync): void {
  database.exec('begin immediate')
  database.exec(`alter table log_rows add column checks blob not null default x''`)
  database.prepare('update log_meta set format = ?').run(FILE_FORMAT)
  database.exec('commit')
}

function createTables(database: DatabaseSync, partitions = DEFAULT_PARTITIONS): number {
  database.exec('begin immediate')
  database.exec(`
    create table log_meta (format integer not null, partitions integer not null) strict;
    -- position = partition * 2^44 + offset of the first record. The body and its checks stand last, so that
    -- the other columns are read without its overflow pages. bytes_before counts the bodies of the
    -- partition before this row since the file was made: backlog and size need no sum over rows.
    create table log_rows (
      position integer primary key,
      records integer not null,
      appended_at integer not null,
      bytes_before integer not null,
      format integer not null,
      checksum integer not null,
      body blob not null,
      checks blob not null default x''
    ) strict;
    create table log_tails (
      partition integer primary key,
      next_offset integer not null,
      bytes_end integer not null
    ) strict;
    create table log_consumers (
      consumer_group text not null,
      partition integer not null,
      next_offset integer not null,
      primary key (consumer_group, partition)
    ) strict, without rowid;
  `)
  database.prepare('insert into log_meta (format, partitions) values (?, ?)').run(FILE_FORMAT, partitions)
  const tail = database.prepare('insert into log_tails (partition, next_offset, bytes_end) values (?, 0, 0)')
  for (let partition = 0; partition < partitions; partition++) tail.run(partition)
  database.exec('commit')
  return partitions
}

import type { DatabaseSync } from 'node:sqlite'

/** SQLite's primary result codes for which the disk, not our code, is to blame. */
const DISK_CODES = new Map([
  [5, 'the log file is locked by another program'],
  [8, 'the log file is read-only'],
  [10, 'the disk gave an input/output error'],
  [11, 'the log file is damaged'],
  [13, 'the disk is full'],
  [14, 'the log file cannot be opened'],
])

/** Why the disk refused, in words for the operator; undefined when the error is a fault of the program. */
export function diskRefusal(error: unknown): string | undefined {
  const code = codeOf(error)
  const reason = DISK_CODES.get(code & 0xff)
  return reason === undefined ? undefined : `${reason} (SQLite ${code})`
}

/** SQLITE_CORRUPT: pages that do not fit together. */
export function isCorrupt(error: unknown): boolean {
  return (codeOf(error) & 0xff) === 11
}

/** SQLite ends a transaction by itself on some errors. */
export function rollBack(database: DatabaseSync): void {
  if (database.isTransaction) database.exec('rollback')
}

function codeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0
}

import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export type FolderOwnership =
  | { kind: 'owned'; release(): void }
  /** Another process has it; `message` is a line for the operator. */
  | { kind: 'taken'; pid: number | undefined; message: string }

/**
 * Makes this process the one owner of a data folder (made with mode 0700 when missing) until `release`
 * or its end. The lock is an open write transaction on `owner.db`: the operating system drops it with
 * the process, and in rollback-journal mode others can still read who holds it. Nothing else in this
 * process may open owner.db as a plain file: closing it would drop the lock (POSIX).
 */
export function ownFolder(folder: string): FolderOwnership {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(join(folder, 'owner.db'), { timeout: 0 })
  try {
    writeOwner(database)
    // Whoever slips in between has written its own name, and we fail here.
    database.exec('begin immediate')
    return { kind: 'owned', release: () => database.close() }
  } catch (error) {
    if (!isBusy(error)) {
      database.close()
      throw error
    }
    const owner = readOwner(database)
    database.close()
    return { kind: 'taken', pid: owner?.pid, message: takenMessage(folder, owner) }
  }
}

function writeOwner(database: DatabaseSync): void {
  database.exec('begin immediate')
  database.exec('create table if not exists owner (one integer primary key, pid integer, host text)')
  database
    .prepare('insert or replace into owner (one, pid, host) values (1, ?, ?)')
    .run(process.pid, hostname())
  database.exec('commit')
}

/** The owner's name is there except in the instant in which it is written. */
function readOwner(database: DatabaseSync): { pid: number; host: string } | undefined {
  try {
    const row = database.prepare('select owner.pid, owner.host from owner').get()
    return row === undefined ? undefined : { pid: Number(row.pid), host: String(row.host) }
  } catch {
    return undefined
  }
}

function takenMessage(folder: string, owner: { pid: number; host: string } | undefined): string {
  const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`
  const stop = owner === undefined ? 'Stop it' : `Stop it (kill ${owner.pid})`
  return `the data folder ${folder} is in use by ${who}. ${stop}, or start with another folder.`
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5
}

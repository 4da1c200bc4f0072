import { rename, rm } from 'node:fs/promises'
import { backup, DatabaseSync } from 'node:sqlite'

export interface BackupProgress {
  donePages: number
  totalPages: number
}

/**
 * Copies a SQLite file (the store's or the event log's) while others write to it: the copy is the file
 * as it was at one instant after the call. It takes the name `to` only when it is whole and on disk; a
 * file of that name is replaced.
 */
export async function backupSqlite(
  from: string,
  to: string,
  onProgress: (progress: BackupProgress) => void = () => {},
): Promise<void> {
  const partial = `${to}.partial`
  await rm(partial, { force: true })
  const source = new DatabaseSync(from, { readOnly: true, timeout: 5000 })
  try {
    // Held until the end: without it, each commit of another connection starts the copy over.
    source.exec('begin')
    source.prepare('select count(*) from sqlite_schema').get()
    const totalPages = await backup(source, partial, {
      rate: PAGES_PER_STEP,
      progress: ({ totalPages, remainingPages }) =>
        onProgress({ donePages: totalPages - remainingPages, totalPages }),
    })
    onProgress({ donePages: totalPages, totalPages })
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  } finally {
    source.close()
  }
  // The write-ahead log of a file that is replaced would be played into the new one.
  for (const companion of ['-wal', '-shm']) await rm(to + companion, { force: true })
  await rename(partial, to)
}

/** 8 MB at 8 kB a page: a few milliseconds between two reports. */
const PAGES_PER_STEP = 1000

import { closeSync, copyFileSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { backupFiles } from './back-up.ts'

/**
 * Puts a backup's files in the place of a data folder's; the caller owns the folder. `hold` turns every
 * workspace's kill switch on: messages that were queued when the backup was made may have been sent since.
 */
export async function restoreFolder(
  from: string,
  dataDir: string,
  { hold }: { hold: boolean },
): Promise<{ kind: 'restored'; queued: number } | { kind: 'refused'; reason: string }> {
  for (const file of backupFiles) {
    const fault = faultOf(join(from, file))
    if (fault !== null) return { kind: 'refused', reason: `${join(from, file)} is damaged: ${fault}` }
  }
  for (const file of backupFiles) copyWhole(join(from, file), join(dataDir, `${file}.restored`))
  const store = new DatabaseSync(join(dataDir, 'store.db.restored'))
  const queued = store
    .prepare("select count(*) as queued from messages where messages.state = 'queued'")
    .get()
  if (hold) {
    store.exec('update workspaces set kill_switch = 1')
  }
  store.close()
  // Both copies are whole and on disk: only now the old ones go.
  for (const file of backupFiles) {
    const to = join(dataDir, file)
    for (const companion of ['-wal', '-shm']) {
      rmSync(to + companion, { force: true })
      rmSync(`${to}.restored${companion}`, { force: true })
    }
    renameSync(`${to}.restored`, to)
  }
  syncFolder(dataDir)
  return { kind: 'restored', queued: Number(queued?.queued ?? 0) }
}

function faultOf(file: string): string | null {
  try {
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      const row = database.prepare('pragma quick_check(1)').get()
      const said = String(row?.quick_check ?? '')
      return said === 'ok' ? null : said
    } finally {
      database.close()
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function copyWhole(from: string, to: string): void {
  copyFileSync(from, to)
  const file = openSync(to, 'r+')
  fsyncSync(file)
  closeSync(file)
}

function syncFolder(folder: string): void {
  const directory = openSync(folder, 'r')
  fsyncSync(directory)
  closeSync(directory)
}

import { chmodSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { ApiFault } from '#contracts/errors.ts'
import { type BackupProgress, backupSqlite } from '#platform/store/backup.ts'
import type { StoreLocation } from '#platform/store/open-store.ts'

/** Files of a backup, as they are named in a data folder too. */
export const backupFiles = ['store.db', 'log.db'] as const
export const backupManifest = 'backup.json'

export interface BackedUp {
  kind: 'backed-up'
  folder: string
  files: string[]
}

/**
 * Copies the store, then the log, while both are in use. In this order the log's copy holds at least what
 * the store's has taken; records that it has not are taken once more after a restore, and are known again.
 */
export async function backUp(
  {
    location,
    dataDir,
    now,
    version,
  }: { location: StoreLocation; dataDir: string; now: number; version: string },
  folder: string,
  onProgress: (file: string, progress: BackupProgress) => void = () => {},
): Promise<BackedUp | { kind: 'refused'; fault: ApiFault }> {
  if (location.url !== undefined || location.file === undefined) {
    const detail = 'the store is PostgreSQL: back it up with its own tools (pg_dump), then copy log.db'
    return { kind: 'refused', fault: { code: 'conflict', detail } }
  }
  if (!isAbsolute(folder)) {
    return {
      kind: 'refused',
      fault: {
        code: 'invalid_request',
        detail: 'the folder of a backup is an absolute path',
        field: 'folder',
      },
    }
  }
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const detail = `the folder cannot be made: ${error instanceof Error ? error.message : String(error)}`
    return { kind: 'refused', fault: { code: 'invalid_request', detail, field: 'folder' } }
  }
  if (realpathSync(folder) === realpathSync(dataDir)) {
    const detail = 'this is the data folder itself: name another'
    return { kind: 'refused', fault: { code: 'invalid_request', detail, field: 'folder' } }
  }
  const sources = { 'store.db': location.file, 'log.db': join(dataDir, 'log.db') }
  for (const file of backupFiles) {
    await backupSqlite(sources[file], join(folder, file), (progress) => onProgress(file, progress))
    // It holds what the store holds: customers, and the secret of our links.
    chmodSync(join(folder, file), 0o600)
  }
  const manifest = { madeAt: new Date(now).toISOString(), version }
  writeFileSync(join(folder, backupManifest), `${JSON.stringify(manifest)}\n`, { mode: 0o600 })
  return { kind: 'backed-up', folder, files: [...backupFiles] }
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readLogEnds } from '#platform/log/log-file.ts'
import { type CopyResult, copyStore } from '#platform/store/copy-store.ts'
import { openStore } from '#platform/store/open-store.ts'
import { noteRest } from './store-log.ts'

export interface MoveUpOptions {
  /** Owned by the caller. */
  dataDir: string
  /** An empty PostgreSQL database. */
  url: string
  now: () => number
  onProgress: (progress: { doneRows: number; totalRows: number }) => void
}

export type MoveUpResult =
  | (Exclude<CopyResult, { kind: 'refused' }> & {
      /** Records of log.db that the store has not taken: they wait there for whoever uses this folder. */
      unapplied: number
    })
  | { kind: 'refused'; reason: string }

/**
 * Copies an embedded installation's rows into an empty PostgreSQL, with the offsets of its log. The folder is
 * left as it is: log.db goes on being read where only the store moves.
 */
export async function moveUp({ dataDir, url, now, onProgress }: MoveUpOptions): Promise<MoveUpResult> {
  const file = join(dataDir, 'store.db')
  if (!existsSync(file)) return { kind: 'refused', reason: `${dataDir} holds no embedded store (store.db)` }
  try {
    const store = await openStore({ file, wallClock: { now } })
    let unapplied: number
    try {
      unapplied = await noteRest(store, readLogEnds(join(dataDir, 'log.db')))
    } finally {
      await store.close()
    }
    const result = await copyStore({ file, url, now, onProgress })
    return result.kind === 'refused' ? result : { ...result, unapplied }
  } catch (error) {
    return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) }
  }
}

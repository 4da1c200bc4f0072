import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** What the files say of the work under way, read without the engine's code. */
export interface Standing {
  /** Messages claimed and without a result. */
  sending: number
  /** Records that the log has and no committed batch holds. */
  unprocessed: number
  /** Messages that wait: due now or later. */
  queued: number
}

/** Looks at what a dead process left. The files are copied first: looking must not mend anything. */
export function lookAtDead(dataDir: string): Standing {
  const copy = mkdtempSync(join(tmpdir(), 'starling-look-'))
  try {
    for (const name of ['store.db', 'store.db-wal', 'log.db', 'log.db-wal']) {
      if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(copy, name))
    }
    return standingOf(copy)
  } finally {
    rmSync(copy, { recursive: true })
  }
}

/** Looks at a living process' files, as any reader may. */
export function lookAtLiving(dataDir: string): Standing {
  return standingOf(dataDir)
}

/** Hands the two files, opened for reading, to `work`. */
export function withFiles<T>(dataDir: string, work: (store: DatabaseSync, log: DatabaseSync) => T): T {
  const store = new DatabaseSync(join(dataDir, 'store.db'), { readOnly: true, timeout: 5000 })
  const log = new DatabaseSync(join(dataDir, 'log.db'), { readOnly: true, timeout: 5000 })
  try {
    return work(store, log)
  } finally {
    store.close()
    log.close()
  }
}

function standingOf(dataDir: string): Standing {
  return withFiles(dataDir, (store, log) => {
    const count = (state: string): number =>
      Number(store.prepare('select count(*) as n from messages where messages.state = ?').get(state)?.n)
    const committed = new Map(
      store
        .prepare(`select partition_number, next_offset from log_offsets where group_name = 'pipeline'`)
        .all()
        .map((row) => [Number(row.partition_number), Number(row.next_offset)]),
    )
    const unprocessed = log
      .prepare('select log_tails.partition, log_tails.next_offset from log_tails')
      .all()
      .reduce((sum, row) => sum + Number(row.next_offset) - (committed.get(Number(row.partition)) ?? 0), 0)
    return { sending: count('sending'), unprocessed, queued: count('queued') }
  })
}

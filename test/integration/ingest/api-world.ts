import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogRecord } from '#contracts/event.ts'
import type { AppendResult, EventLog, LogAppend } from '#contracts/event-log.ts'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import type { ApiApp, ApiRoutes } from '../../../src/api/api-app.ts'
import { hashKey, type Principal } from '../../../src/api/auth.ts'
import { createApi } from '../../../src/api/create-api.ts'
import { createIngest, type Ingest } from '../../../src/ingest/ingest.ts'
import { createIdentityTable, readLog } from '../../unit/ingest/support/ingest-world.ts'

export const writeKey = 'shop:write-secret'
export const adminKey = 'shop:admin-secret'

export interface ApiWorld {
  app: ApiApp
  ingest: Ingest
  url: string
  port: number
  log: EventLog
  /** What the next appends are answered instead of being appended. */
  refusals: AppendResult[]
  /** Resolves when this many records have been appended. */
  appended(count: number): Promise<void>
  records(): Promise<LogRecord[]>
  state: { notReady: string | null }
  errors: string[]
  close(): Promise<void>
}

/** The real door on a real port, with a log on disk in this thread. */
export async function createApiWorld(
  options: { adminRoutes?: (ingest: Ingest) => ApiRoutes[]; port?: number } = {},
): Promise<ApiWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-ingest-'))
  const inThread = createInThreadLog({ file: join(folder, 'log.db'), wallClock: { now: Date.now } })
  const refusals: AppendResult[] = []
  const waiting: { count: number; resolve: () => void }[] = []
  let count = 0
  const log: EventLog = {
    ...inThread,
    async append(records: LogAppend[]) {
      const refusal = refusals.shift()
      if (refusal !== undefined) return refusal
      const result = await inThread.append(records)
      count += records.length
      for (const waiter of waiting) if (count >= waiter.count) waiter.resolve()
      return result
    },
  }
  const ingest = createIngest({ log, identities: createIdentityTable() })
  const principals: Record<string, Principal> = {
    [hashKey(writeKey)]: { workspace: 'shop', kind: 'write', name: 'site' },
    [hashKey(adminKey)]: { workspace: 'shop', kind: 'admin', name: 'ann' },
  }
  const state: ApiWorld['state'] = { notReady: null }
  const errors: string[] = []
  const app = await createApi({
    ingest,
    keys: { lookup: async (keyHash) => principals[keyHash] ?? null },
    wallClock: { now: Date.now },
    logger: {
      error: (message, fields) => errors.push(`${message} ${fields?.error}`),
      warn() {},
      info() {},
      debug() {},
    },
    notReady: () => state.notReady,
    adminRoutes: options.adminRoutes?.(ingest) ?? [],
    publicRoutes: [],
    publicUrl: `http://127.0.0.1:${options.port ?? 8420}`,
    version: '0.1.0',
  })
  await app.listen({ port: options.port ?? 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    app,
    ingest,
    url: `http://127.0.0.1:${port}`,
    port,
    log,
    refusals,
    state,
    errors,
    appended: (wanted) =>
      new Promise((resolve) => {
        if (count >= wanted) resolve()
        else waiting.push({ count: wanted, resolve })
      }),
    records: () => readLog(inThread),
    async close() {
      await app.close()
      await inThread.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

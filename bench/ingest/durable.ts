import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createLogClient } from '#platform/log/log-client.ts'
import { startLogThread } from '#platform/log/start-log-thread.ts'
import { openStore } from '#platform/store/open-store.ts'
import { createApi } from '../../src/api/create-api.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { createIdentities } from '../../src/profile/identities.ts'

/** The door as it serves: its own thread for the log on disk, this thread for HTTP. */
const folder = mkdtempSync(join(process.env.STARLING_BENCH_DIR ?? process.cwd(), '.bench-'))
const thread = await startLogThread({ file: join(folder, 'log.db') })
const log = createLogClient(thread.connect())
const store = await openStore({ file: join(folder, 'store.db') })
const app = await createApi({
  ingest: createIngest({ log, identities: createIdentities(store) }),
  keys: { lookup: async () => ({ workspace: 'bench', kind: 'write', name: 'bench' }) },
  wallClock: { now: Date.now },
  logger: { error: console.error, warn: console.error, info: () => {}, debug: () => {} },
  notReady: () => null,
  adminRoutes: [],
  publicRoutes: [],
  publicUrl: 'http://127.0.0.1',
  version: '0.0.0',
})
await app.listen({ port: 0, host: '127.0.0.1' })
process.send!({ port: (app.server.address() as { port: number }).port })
process.on('disconnect', () => {
  rmSync(folder, { recursive: true, force: true })
  process.exit(0)
})

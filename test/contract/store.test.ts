import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openStore } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import { createWriterTicket } from '#platform/store/writer-ticket.ts'
import { storeContract } from './store-contract.ts'

storeContract('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'starling-store-'))
  const file = join(folder, 'store.db')
  const ticket = createWriterTicket()
  const store: Store = await openStore({ file, ticket })
  return {
    store,
    openAgain: () => openStore({ file, ticket }),
    async raw(text) {
      const database = new DatabaseSync(file)
      database.exec(text)
      database.close()
    },
    async dispose() {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
})

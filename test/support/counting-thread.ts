import { workerData } from 'node:worker_threads'
import { openStore } from '#platform/store/open-store.ts'
import { createWriterTicket } from '#platform/store/writer-ticket.ts'

export interface CountingThreadData {
  file: string
  ticket: SharedArrayBuffer
  times: number
}

// Nothing but a ticket keeps this thread alive while it waits.
const { file, ticket, times } = workerData as CountingThreadData
const store = await openStore({ file, ticket: createWriterTicket(ticket) })
for (let i = 0; i < times; i++) {
  await store.transaction(async (tx) => {
    const setting = tx.system.selectFrom('system_settings').select('value').where('name', '=', 'count')
    const { value } = await setting.executeTakeFirstOrThrow()
    await tx.systemBulk('system_settings', [{ name: 'count', value: String(Number(value) + 1) }], {
      key: ['name'],
      update: ['value'],
    })
  })
}
await store.close()

import type { StartHarness } from './harness.ts'

export const startHarness: StartHarness = async ({ store }) => ({
  settings: {},
  message: {},
  async received() {
    const rows = await store.read.workspace('acme').selectFrom('outbox').select('outbox.message_id').execute()
    return rows.map((row) => row.message_id)
  },
  close: async () => {},
})

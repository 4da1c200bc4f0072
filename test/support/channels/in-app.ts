import type { StartHarness } from './harness.ts'

export const startHarness: StartHarness = async ({ store }) => {
  const harness = {
    settings: {},
    message: { channel: 'in-app' as const, address: 'ann' },
    async received() {
      const rows = await store.read.workspace('acme').selectFrom('inbox').select('inbox.message_id').execute()
      return rows.map((row) => row.message_id)
    },
    close: async () => {},
    people: {
      attempted: 'it is a row in our own store',
      complaints: () => [],
      cases: [],
      never: {
        transient: 'only where the store is away, which the store’s tests bring about',
        'transient-wait': 'a store does not say when it is back',
        permanent: 'everybody has an inbox',
        suppress: 'everybody has an inbox',
        throttled: 'a store takes what it is given',
        unknown: 'a transaction that failed was rolled back',
      },
    },
  }
  return harness
}

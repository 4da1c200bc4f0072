import { expect, test } from 'vitest'
import { sqliteTests, storeTests } from '../services/store-tests.ts'

/** What is about SQLite's files themselves. Everything else opens its store in a way that PostgreSQL can take. */
const aboutFiles = [
  'test/contract/store.test.ts',
  'test/integration/api/maintenance.test.ts',
  'test/integration/api/placement-plans.test.ts',
  'test/integration/broadcast/broadcast-plans.test.ts',
  'test/integration/cli/folders.test.ts',
  'test/integration/pipeline/callback-plans.test.ts',
  'test/integration/pipeline/coupon-plans.test.ts',
  'test/integration/pipeline/item-plans.test.ts',
  'test/integration/pipeline/query-plans.test.ts',
  'test/support/counting-thread.ts',
  'test/support/test-store.ts',
  'test/unit/platform/sqlite-log.test.ts',
  'test/unit/platform/store/copy-totals.test.ts',
  'test/unit/platform/store/sqlite-store.test.ts',
  'test/unit/platform/store/writer-ticket.test.ts',
]

test('tests of the rooms open their store through test-store.ts, so that they run on PostgreSQL too', () => {
  const own = sqliteTests().filter((file) => !aboutFiles.includes(file))
  expect(own, 'open the store with openTestStore of test/support/test-store.ts').toEqual([])
})

test('every room that has rows is among them', () => {
  const rooms = new Set(storeTests().map((file) => file.split('/').slice(1, 3).join('/')))
  for (const room of ['action', 'campaign', 'decision', 'learning', 'profile', 'report'])
    expect(rooms).toContain(`unit/${room}`)
  expect(rooms).toContain('integration/pipeline')
  expect(rooms).toContain('integration/api')
})

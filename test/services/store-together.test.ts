import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore } from '#platform/store/open-store.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { together } from '#platform/store/together.ts'
import { createDatabase, query, type TestDatabase } from './postgres.ts'

let database: TestDatabase
let store: Store
beforeEach(async () => {
  database = await createDatabase()
  store = await openStore({ url: database.url })
})
afterEach(async () => {
  await store.close()
  await database.drop()
})

/** Enough that they go by COPY. */
const ids = (prefix: string, count = 30) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`)
const mark = (db: WorkspaceDb, eventIds: string[]) =>
  db.bulkInsert(
    'event_dedupe',
    eventIds.map((event_id) => ({ event_id, received_at: 1 })),
    'fail',
  )
const consent = (db: WorkspaceDb, customer_id: string) =>
  db.bulkInsert(
    'consents',
    [{ customer_id, channel: 'email', state: 'granted', source: 'api', changed_at: 1 }],
    'fail',
  )
const read = (db: WorkspaceDb) => db.selectFrom('event_dedupe').select('event_dedupe.event_id').execute()
const stored = async () =>
  (await query(database.url, 'select event_id from event_dedupe')).map((row) => row.event_id).sort()

test('statements given together take effect in their order', async () => {
  await store.transaction(async (tx) => {
    const db = tx.workspace('w')
    const [none, written, all] = await together(read(db), mark(db, ids('a')), read(db))
    expect([none.length, written, all.length]).toEqual([0, 30, 30])
  })
  expect(await stored()).toHaveLength(30)
})

test('one that fails ends them all, with its own error, and leaves the connection as good as new', async () => {
  await store.transaction((tx) => mark(tx.workspace('w'), ids('known')))
  const failing = store.transaction((tx) => {
    const db = tx.workspace('w')
    return together(
      mark(db, ids('before')),
      // Breaks off at its last row; the copy behind it is refused, and the server drops its data.
      db.bulkInsert('events', [...ids('e'), 'e-0'].map(eventRow), 'fail'),
      mark(db, ids('after')),
      consent(db, 'ann'),
    )
  })
  await expect(failing).rejects.toMatchObject({ code: '23505' })
  expect(await stored()).toEqual(ids('known').sort())
  await store.transaction((tx) =>
    together(mark(tx.workspace('w'), ids('next')), consent(tx.workspace('w'), 'bob')),
  )
  expect(await stored()).toHaveLength(60)
})

test('nothing comes behind the end of the transaction', async () => {
  let straggler: Promise<unknown> = Promise.resolve()
  const failing = store.transaction(async (tx) => {
    const db = tx.workspace('w')
    const first = mark(db, ids('first'))
    // Not given together: it goes on by itself, and finds the transaction at its end.
    straggler = first
      .then(() => new Promise((resolve) => setImmediate(resolve)))
      .then(() => mark(db, ids('late')))
    straggler.catch(() => {})
    await first
    throw new Error('enough')
  })
  await expect(failing).rejects.toThrow('enough')
  await expect(straggler).rejects.toThrow(/this transaction has ended/)
  expect(await stored()).toEqual([])
})

function eventRow(event_id: string) {
  return {
    day_utc: 20_000,
    event_id,
    customer_id: 'ann',
    kind: 'track' as const,
    name: 'Visited',
    occurred_at: 1,
    received_at: 1,
    payload_json: '{}',
  }
}

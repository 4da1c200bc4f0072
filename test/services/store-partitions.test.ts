import { afterEach, beforeEach, expect, it } from 'vitest'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { openStore } from '#platform/store/open-store.ts'
import type { Store, WorkspaceRowOf } from '#platform/store/store.ts'
import { createDatabase, query, run, type TestDatabase } from './postgres.ts'

const day = 86_400_000
/** In a November: the month after the next one is of another year. */
const start = Date.UTC(2026, 10, 21, 23)

let database: TestDatabase
let store: Store
beforeEach(async () => {
  database = await createDatabase()
  store = await openStore({ url: database.url, wallClock: createSteppedClock(start) })
})
afterEach(async () => {
  await store.close()
  await database.drop()
})

async function partitionsOf(table: string): Promise<string[]> {
  const rows = await query(
    database.url,
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = '${table}'::regclass order by 1`,
  )
  return rows.map((row) => String(row.name))
}

async function insertOn(instants: number[], workspace = 'w'): Promise<void> {
  const rows = instants.map(
    (at, i): WorkspaceRowOf<'events'> => ({
      day_utc: Math.floor(at / day),
      event_id: `${at}-${i}`,
      customer_id: 'c',
      kind: 'track',
      name: 'A',
      occurred_at: at,
      received_at: at,
      payload_json: '{}',
    }),
  )
  await store.transaction((tx) => tx.workspace(workspace).bulkInsert('events', rows, 'fail'))
}

async function counts(): Promise<Record<string, number>> {
  const rows = await query(
    database.url,
    'select tableoid::regclass::text as name, count(*)::int as n from events group by 1 order by 1',
  )
  return Object.fromEntries(rows.map((row) => [row.name, row.n]))
}

const keep = (now: number, eventsKeepDays = 400) =>
  store.partitions!.keep({ now, eventsFromDay: Math.floor(now / day) - eventsKeepDays })

it('stand ready for this month and the next two, with one for every other day', async () => {
  const months = ['2026_11', '2026_12', '2027_01', 'default']
  for (const table of ['events', 'decisions', 'outcomes'])
    expect(await partitionsOf(table)).toEqual(months.map((month) => `${table}_${month}`))
  // The first and the last day of a month, the day before and the day after.
  const edges = [
    Date.UTC(2026, 10, 1),
    Date.UTC(2026, 10, 30, 23, 59),
    Date.UTC(2026, 9, 31),
    Date.UTC(2026, 11, 1),
  ]
  await insertOn(edges)
  expect(await counts()).toEqual({ events_2026_11: 2, events_2026_12: 1, events_default: 1 })
})

it('are made ahead as time goes by, and once only', async () => {
  expect((await keep(start)).made).toEqual([])
  const made = (await keep(start + 15 * day)).made
  expect(made).toEqual(['events_2027_02', 'decisions_2027_02', 'outcomes_2027_02'])
  const again = await Promise.all([1, 2, 3].map(() => keep(start + 45 * day)))
  expect(again.flatMap((kept) => kept.made).sort()).toEqual(
    ['events_2027_03', 'decisions_2027_03', 'outcomes_2027_03'].sort(),
  )
  expect(again.flatMap((kept) => kept.left)).toEqual([])
})

it('take the rows that waited in the default partition', async () => {
  const january = Date.UTC(2025, 0, 15)
  await insertOn([january, january + 30 * day, start])
  await insertOn([january + day, start + 400 * day], 'other')
  const kept = await keep(start, 800)
  expect(kept).toMatchObject({ made: ['events_2025_01', 'events_2025_02', 'events_2027_12'], left: [] })
  expect(await counts()).toEqual({
    events_2025_01: 2,
    events_2025_02: 1,
    events_2026_11: 1,
    events_2027_12: 1,
  })
  await insertOn([january + 5 * day])
  expect((await counts()).events_2025_01).toBe(3)
  // The moved months have the parent's key and indexes, so that rows stay unique and are found.
  await expect(insertOn([january])).rejects.toThrow('duplicate key')
  const indexes = await query(
    database.url,
    `select count(*)::int as n from pg_indexes where tablename in ('events_2025_01', 'events_2026_11') group by tablename`,
  )
  expect(indexes[0]).toEqual(indexes[1])
})

it('go as a whole when their last day is older than what is kept, and not before', async () => {
  await insertOn([start, Date.UTC(2026, 11, 31), Date.UTC(2027, 0, 1), start - 100 * day])
  const lastDayKept = Date.UTC(2026, 10, 30) + 400 * day
  expect(await keep(lastDayKept)).toMatchObject({ dropped: [], rowsDeleted: 1 })
  expect((await counts()).events_2026_11).toBe(1)
  expect((await keep(lastDayKept + day)).dropped).toEqual(['events_2026_11'])
  expect(await counts()).toEqual({ events_2026_12: 1, events_2027_01: 1 })
  // What was decided is kept.
  expect(await partitionsOf('decisions')).toContain('decisions_2026_11')
})

it('leave to the next round what is in use, and say so', async () => {
  await insertOn([start - 100 * day])
  const open = store.transaction(async (tx) => {
    await tx.workspace('w').selectFrom('events').selectAll().execute()
    return keep(start + 600 * day)
  })
  const busy = await open
  expect(busy.dropped).toEqual([])
  expect(busy.left.join()).toContain('events_2026_11: in use')
  const free = await keep(start + 600 * day)
  expect(free.dropped).toContain('events_2026_11')
  expect(free.left).toEqual([])
})

it('delete row by row what is too old and too much to be moved', async () => {
  await run(
    database.url,
    `insert into events select 'w', ${Math.floor(start / day)} - 500 - i % 3, 'old' || i, 'c', 'track', 'A', 0, 0, '{}'
     from generate_series(1, 12000) as i`,
  )
  expect((await keep(start)).rowsDeleted).toBe(12_000)
  expect(await counts()).toEqual({})
})

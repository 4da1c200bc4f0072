import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '#platform/store/open-store.ts'
import { playSmallShop } from '../../support/play-small-shop.ts'
import { collectStatements, wideReads } from './query-plans.ts'

/** On log.db and on SQLite itself; of the store's, what starts and what a person asks for. */
const isOfStore = (text: string) =>
  /^(select|update|delete|insert)\b/i.test(text) &&
  !/\blog_rows\b|sqlite_schema|log_(meta|tails|consumers)|store_migrations/.test(text) &&
  // A migration, once, over what is there already.
  !/insert into event_counts\s+select|select 'timer-rounds-since:'/.test(text)

/** A row of each that shows that the stage ran. */
const stages = [
  ['decisions', 'outcome', 'treatment'],
  ['decisions', 'outcome', 'held-out'],
  ['messages', 'state', 'sent'],
  ['outcomes', 'kind', 'conversion'],
  ['exposures', 'state', 'closed'],
  ['exposures', 'state', 'credited'],
  ['consents', 'state', 'denied'],
] as const

const allowed = [
  // A migration, once.
  /update exposures set settles_at = window_ends_at/,
  // The shop's own look at what it was sent, in place of a mailbox.
  /"messages"."state" = \? and "messages"."state_at" >= \?/,
  // Before a launch or a pause: what is sending now, at most as many as are in flight.
  /"messages"."campaign_id" = \? and "messages"."state" = \? order by "messages"."created_at" desc/,
]

/** Plans do not hang on the rows, since nothing is analysed: an empty store has the same. */
async function onEmptyStore<T>(work: (database: DatabaseSync) => T): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-plans-'))
  const file = join(folder, 'store.db')
  await (await openStore({ file })).close()
  const database = new DatabaseSync(file)
  try {
    return work(database)
  } finally {
    database.close()
    await rm(folder, { recursive: true })
  }
}

describe('query plans of the engine', () => {
  let statements: string[] = []
  beforeAll(async () => {
    const collector = collectStatements()
    try {
      await playSmallShop({ seed: 5, customers: 40, days: 7 }, async (parts) => {
        statements = collector.stop()
        const db = parts.store.read.workspace('main')
        for (const [table, column, value] of stages) {
          const rows = await db.selectFrom(table).selectAll().execute()
          expect(
            rows.map((row) => String(row[column as keyof typeof row])),
            table,
          ).toContain(value)
        }
        const customers = await db.selectFrom('customers').selectAll().execute()
        expect(customers.some((row) => row.merged_into !== null)).toBe(true)
      })
    } finally {
      collector.stop()
    }
  })

  it('reads no more of a table than it names', async () => {
    const own = statements.filter(isOfStore)
    expect(own.length).toBeGreaterThan(40)
    const wide = await onEmptyStore((database) =>
      own.flatMap((text) => wideReads(database, text).map((detail) => `${detail}\n    ${text}`)),
    )
    expect(wide.filter((line) => !allowed.some((pattern) => pattern.test(line)))).toEqual([])
  })

  it('finds what reads the whole workspace', async () => {
    const wide = await onEmptyStore((database) =>
      [
        `select count(*) from customers where customers.workspace = ?`,
        `select * from messages where messages.workspace = ? and messages.state = ?`,
        `update timers set due_at = 0 where timers.workspace = ? and timers.kind = ?`,
        `select * from events as own where own.payload_json = ?`,
      ].map((text) => wideReads(database, text).length),
    )
    expect(wide).toEqual([1, 1, 1, 1])
  })
})

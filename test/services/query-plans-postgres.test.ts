import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '#platform/store/open-store.ts'
import { playSmallShop } from '../support/play-small-shop.ts'
import { fillTables } from './fill-tables.ts'
import { createDatabase, type TestDatabase } from './postgres.ts'
import { collectStatements, planOf, wideReads } from './query-plans-postgres.ts'

const isOfStore = (text: string) =>
  /^(select|update|delete|insert)\b/i.test(text) &&
  !/pg_|information_schema|store_migrations|_default|current_setting/.test(text) &&
  // Migrations, once, over what is there already.
  !/insert into event_counts\s+select|update exposures set settles_at = window_ends_at|select 'timer-rounds-since:'/.test(
    text,
  )

const allowed = [
  // The shop's own look at what it was sent, in place of a mailbox.
  /"messages"."state" = \$2 and "messages"."state_at" >= \$3/,
  // Before a launch or a pause: what is sending now, at most as many as are in flight.
  /"messages"."campaign_id" = \$2 and "messages"."state" = \$3 order by "messages"."created_at" desc/,
]

/**
 * The statements of a whole play, planned for values that are not known yet, by a server that has counted
 * tables of tens of thousands of rows of one tenant in four months.
 */
describe('query plans on PostgreSQL', () => {
  let database: TestDatabase
  let statements: string[] = []
  let client: Client
  /** Months that nobody has written to yet: there is nothing to read too much of. */
  let empty: ReadonlySet<string>
  beforeAll(async () => {
    const played = await createDatabase()
    const collector = collectStatements()
    try {
      await playSmallShop({ seed: 5, customers: 40, days: 7, storeUrl: played.url }, async () => {
        statements = collector.stop()
      })
    } finally {
      collector.stop()
      await played.drop()
    }
    database = await createDatabase()
    await (await openStore({ url: database.url })).close()
    client = new Client({ connectionString: database.url })
    await client.connect()
    await fillTables(client, 20_000)
    const { rows } = await client.query('select relname as name from pg_class where reltuples = 0')
    empty = new Set(rows.map((row) => row.name))
    await client.query('set plan_cache_mode = force_generic_plan')
  })
  afterAll(async () => {
    await client.end()
    await database.drop()
  })

  it('reads no more of a table than it names', async () => {
    const own = statements.filter(isOfStore)
    expect(own.length).toBeGreaterThan(40)
    const wide: string[] = []
    for (const text of own)
      for (const line of wideReads(await planOf(client, text), empty)) wide.push(`${line}\n    ${text}`)
    expect(wide.filter((line) => !allowed.some((pattern) => pattern.test(line)))).toEqual([])
  })

  it('finds what reads the whole workspace', async () => {
    const lines = []
    for (const text of [
      'select count(*) from customers where customers.workspace = $1',
      'select * from messages where messages.workspace = $1 and messages.state = $2',
      'update timers set due_at = 0 where timers.workspace = $1 and timers.kind = $2',
      'select * from events as own where own.event_id = $1',
    ])
      lines.push(wideReads(await planOf(client, text), empty).length > 0)
    expect(lines).toEqual([true, true, true, true])
  })

  it('looks into no partition but those of the days it names', async () => {
    const partitionsRead = async (text: string, values: unknown[]): Promise<string[]> => {
      const { rows } = await client.query({ text: `explain (format json) ${text}`, values })
      const plan = JSON.stringify(rows[0])
      return [...new Set(plan.match(/(?:events|decisions|outcomes)_\d{4}_\d\d\b/g))].sort()
    }
    await client.query('reset plan_cache_mode')
    const outcomes = statements.find((text) => /"goal_id".*from "outcomes".*"day_utc" >=/.test(text))
    const august = Date.UTC(2026, 7, 20) / 86_400_000
    const values = ['main', ['k1'], 'conversion', 0, august]
    // From that day on: later ones, still empty, are for clocks that go wrong.
    expect((await partitionsRead(outcomes!, values)).slice(0, 2)).toEqual([
      'outcomes_2026_08',
      'outcomes_2026_11',
    ])
    const decisions = statements.find((text) => /from "decisions".*"day_utc" >=/.test(text))
    expect(await partitionsRead(decisions!, ['main', ['d1'], august - 30, august])).toEqual([
      'decisions_2026_07',
      'decisions_2026_08',
    ])
  })
})

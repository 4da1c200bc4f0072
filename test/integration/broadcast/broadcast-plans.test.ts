import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { hour, openEngineOn, start, track } from '../pipeline/engine-world.ts'
import { collectStatements, wideReads } from '../pipeline/query-plans.ts'
import { introduce, moveSale, saleFile, startSale, users, work } from './broadcast-world.ts'

const ofBroadcasts =
  /"broadcast_turns"|"customers"."customer_id" > \?|"decisions"."trigger_id" = \?|campaign_id \|\| ''/

const allowed = [
  // A page of what a campaign's end leaves; whether anything is.
  /from "broadcast_turns" where [^(]*"broadcast_turns"."campaign_id" = \? limit \?$/,
  // For who looks at the progress; whether anybody waits still.
  /"broadcast_turns"."run" = \?( limit \?)?$/,
]

test.skipIf(process.env.STARLING_TEST_STORE === 'postgres')(
  'a page of a broadcast reads no more than its customers, however many there are',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'starling-broadcast-plans-'))
    const collector = collectStatements()
    const world = await openEngineOn(folder, { yaml: saleFile('{ atLocal: { at: "18:00" } }') })
    await introduce(world, users(3))
    await startSale(world)
    await work(world)
    await world.take(track('u0', 'Page Seen', 'p1'))
    await moveSale(world, 'pause')
    await moveSale(world, 'launch')
    world.clock.stepTo(start + 7 * hour)
    await work(world)
    expect(await world.rows('messages')).toHaveLength(3)
    await moveSale(world, 'end')
    await work(world)
    const statements = collector
      .stop()
      .filter((text) => /^(select|update|delete)/i.test(text) && ofBroadcasts.test(text))
      .filter((text) => !allowed.some((own) => own.test(text)))
    const database = new DatabaseSync(join(folder, 'store.db'))
    const wide = statements.flatMap((text) => wideReads(database, text).map((detail) => `${detail} ${text}`))
    database.close()
    await world.close()
    expect(statements.length).toBeGreaterThan(4)
    expect(wide).toEqual([])
  },
)

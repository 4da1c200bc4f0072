import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '#platform/clock/system-clock.ts'
import { ownFolder } from '#platform/folder-owner.ts'
import { backupSqlite } from '#platform/store/backup.ts'
import { openStore } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import { shopCampaignId, shopWorkspace } from '../../src/cli/demo/shop-installation.ts'
import { campaignReport } from '../../src/pipeline/campaign-report.ts'
import { verify } from '../../src/pipeline/verify.ts'
import { tableShapes } from '../contract/table-shapes.ts'
import { type CliWorld, openCliWorld } from '../integration/cli/cli-world.ts'
import { playSmallShop } from '../support/play-small-shop.ts'
import { createDatabase, run, type TestDatabase } from './postgres.ts'

const bin = fileURLToPath(new URL('../../bin/starling.js', import.meta.url))

let played: string
let world: CliWorld
let database: TestDatabase

beforeAll(async () => {
  played = mkdtempSync(join(tmpdir(), 'starling-played-'))
  await playSmallShop({ seed: 11, customers: 120, days: 10 }, async (_parts, { folder }) => {
    for (const file of ['store.db', 'log.db']) await backupSqlite(join(folder, file), join(played, file))
  })
  // The learner's last rewards were deleted once: their numbers must not come again.
  const store = new DatabaseSync(join(played, 'store.db'))
  store.exec("update sqlite_sequence set seq = seq + 500 where name = 'rewards'")
  store.close()
})
afterAll(() => rmSync(played, { recursive: true }))

beforeEach(async () => {
  database = await createDatabase()
  world = openCliWorld()
  cpSync(played, world.dataDir, { recursive: true })
})
afterEach(async () => {
  await world.close()
  await database.drop()
})

const migrate = (...more: string[]) => world.run(['migrate-store', '--to', database.url, ...more])

describe('an installation with a shop in it', () => {
  it('gives the same report on PostgreSQL, to the last digit, and nothing to verify', async () => {
    const before = await look({ file: join(world.dataDir, 'store.db') })
    expect(before.report?.comparisons).toHaveLength(1)
    expect(before.report?.population.customers).toBeGreaterThan(90)
    expect(before.differences).toEqual([])

    const moved = await migrate('--json')
    expect(moved).toMatchObject({ code: 0, stderr: '' })
    expect(await look({ url: database.url })).toEqual(before)
  })

  it('takes every row of every table along, and says so', async () => {
    const { code, stdout } = await migrate()
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('both sides are equal'),
    })
    const source = new DatabaseSync(join(world.dataDir, 'store.db'), { readOnly: true })
    for (const table of Object.keys(tableShapes)) {
      const rows = source.prepare(`select count(*) as n from ${table}`).get()?.n
      const there = await query<{ n: string }>(`select count(*) as n from ${table}`)
      expect([table, Number(there[0]?.n)]).toEqual([table, rows])
      expect(stdout).toMatch(new RegExp(`^${table} +${rows} +${rows} +equal +equal$`, 'm'))
    }
    expect(stdout.match(/^[a-z_]+ +\d+ +\d+ /gm)).toHaveLength(Object.keys(tableShapes).length)
    source.close()
  })

  it('numbers rewards behind those it had, and keeps events in the partitions of their months', async () => {
    await migrate()
    const source = new DatabaseSync(join(world.dataDir, 'store.db'), { readOnly: true })
    const last = Number(source.prepare("select seq from sqlite_sequence where name = 'rewards'").get()?.seq)
    source.close()
    const next = await query<{ n: string }>(
      `select nextval(pg_get_serial_sequence('rewards', 'sequence')) as n`,
    )
    expect(Number(next[0]?.n)).toBe(last + 1)
    expect(await query('select count(*)::int as n from events_default')).toEqual([{ n: 0 }])
    expect(await query('select count(*)::int as n from events_2026_04')).not.toEqual([{ n: 0 }])
  })

  it('is not copied while somebody serves it, nor over rows of another', async () => {
    const owner = ownFolder(world.dataDir)
    if (owner.kind === 'taken') throw new Error(owner.message)
    expect(await migrate()).toMatchObject({ code: 73, stderr: expect.stringContaining('is in use by') })
    owner.release()
    expect(await migrate()).toMatchObject({ code: 0 })
    expect(await migrate()).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(
        /^the database \S+ holds rows already \(in api_keys\): name an empty one\n/,
      ),
    })
  })

  it('leaves nothing where it is killed in the middle, and can be copied again', async () => {
    await (await openStore({ url: database.url })).close()
    const blocker = new Client({ connectionString: database.url })
    await blocker.connect()
    await blocker.query('begin; lock table rewards in share mode')
    const child = spawn(process.execPath, [bin, 'migrate-store', '--to', database.url], {
      env: { PATH: process.env.PATH, STARLING_DATA_DIR: world.dataDir },
      cwd: world.folder,
    })
    const ended = once(child, 'exit')
    while (
      (await query("select 1 from pg_locks where not granted and relation = 'rewards'::regclass")).length ===
      0
    );
    child.kill('SIGKILL')
    expect((await ended)[1]).toBe('SIGKILL')
    expect(await query('select count(*)::int as n from events')).toEqual([{ n: 0 }])
    await blocker.query('rollback')
    await blocker.end()
    expect(await migrate()).toMatchObject({ code: 0 })
  })

  it('keeps nothing of a copy that is not what was written', async () => {
    await (await openStore({ url: database.url })).close()
    for (const [table, change] of [
      ['customers', 'new.updated_at := new.updated_at + 1'],
      ['outbox', `new.subject := replace(new.subject, 'a', 'b')`],
    ]) {
      await run(
        database.url,
        `create or replace function spoil() returns trigger language plpgsql as $$ begin ${change}; return new; end $$;
         create trigger spoil before insert on ${table} for each row execute function spoil()`,
      )
      const spoiled = await migrate()
      expect(spoiled).toMatchObject({ code: 65, stdout: expect.stringContaining('nothing was kept') })
      expect(spoiled.stdout.match(/DIFFER/g)?.length).toBe(table === 'customers' ? 2 : 1)
      expect(await query('select 1 from workspaces')).toEqual([])
      await run(database.url, `drop trigger spoil on ${table}`)
    }
    expect(await migrate()).toMatchObject({ code: 0 })
  })

  it('says in one line what is wrong with the database', async () => {
    const nowhere = new URL(database.url)
    nowhere.port = '1'
    for (const [to, line] of [
      ['mysql://x', /^DATABASE_URL is not of the form postgres:/],
      [nowhere.href, /^PostgreSQL at 127\.0\.0\.1:1 cannot be reached/],
    ] as const) {
      expect(await world.run(['migrate-store', '--to', to])).toMatchObject({
        code: 65,
        stderr: expect.stringMatching(line),
      })
    }
    expect(
      await world.run(['migrate-store', '--to', database.url, '--data-dir', world.folder]),
    ).toMatchObject({
      code: 65,
      stderr: expect.stringContaining('holds no embedded store'),
    })
  })
})

it('what the log holds and the store has not yet is applied on PostgreSQL', async () => {
  rmSync(world.dataDir, { recursive: true })
  const url = await world.serve({ STARLING_ROLES: 'api' })
  await identify(url, 'waiting')
  await world.stop()

  const moved = await migrate()
  expect(moved).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 records that are not applied yet'),
  })
  const environment = { DATABASE_URL: database.url, STARLING_KAFKA_BROKERS: '127.0.0.1:1' }
  expect(await world.run(['serve', '--port', '0'], { environment })).toMatchObject({
    code: 70,
    stderr: expect.stringMatching(/^Kafka at 127\.0\.0\.1:1 cannot be used/),
  })

  const there = await world.serve({ DATABASE_URL: database.url })
  const headers = { authorization: 'Bearer cli-admin-key' }
  const lag = async () =>
    ((await (await fetch(`${there}/api/v1/status`, { headers })).json()) as { logLag: number }).logLag
  while ((await lag()) > 0);
  await world.stop()
  expect(await query("select event_id from events where event_id = 'waiting'")).toHaveLength(1)
})

async function identify(url: string, userId: string): Promise<void> {
  const answer = await fetch(`${url}/v1/batch`, {
    method: 'POST',
    body: JSON.stringify({
      batch: [{ type: 'identify', userId, messageId: userId, traits: {} }],
      writeKey: 'cli-write-key',
    }),
  })
  expect(answer.status).toBe(200)
}

async function look(location: { file: string } | { url: string }) {
  const store: Store = await openStore(location)
  try {
    const parts = { store, clock: systemClock, wallClock: systemClock, eventsKeepDays: 4000 }
    const report = await campaignReport(store, shopWorkspace, shopCampaignId, Date.UTC(2026, 3, 30))
    const { checked, differences } = await verify(parts, shopWorkspace, { repair: false })
    return { report, json: JSON.stringify(report), checked, differences }
  } finally {
    await store.close()
  }
}

async function query<T>(text: string): Promise<T[]> {
  const client = new Client({ connectionString: database.url })
  await client.connect()
  try {
    return (await client.query(text)).rows as T[]
  } finally {
    await client.end()
  }
}

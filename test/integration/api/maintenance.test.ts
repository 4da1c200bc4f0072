import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Profile } from '#contracts/profile.ts'
import type { Verification } from '../../../src/pipeline/verify.ts'
import { runBeside } from '../../support/test-store.ts'
import { type DoorWorld, installShop, openDoorWorld } from './door-world.ts'

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
  await installShop(world)
  for (const user of ['u1', 'u2', 'u3']) {
    await world.identify(user, { email: `${user}@example.com`, firstName: user })
    await world.track(user, 'Cart Abandoned')
    await world.track(user, 'Order Completed', { revenue: 10, currency: 'EUR' })
  }
})
afterEach(() => world.close())

const look = async (repair = false): Promise<Verification> =>
  (await world.call<Verification>('POST', '/verify', { repair })).body

/** Changes rows behind the engine's back. */
async function spoil(sql: string): Promise<void> {
  await runBeside(world.dataDir, sql)
}

async function spoilProfiles(spoilOne: (profile: Profile) => void): Promise<void> {
  await world.engine.parts.store.transaction(async (tx) => {
    const db = tx.workspace('main')
    for (const row of await db.selectFrom('customers').selectAll().execute()) {
      const profile: Profile = JSON.parse(row.profile_json)
      spoilOne(profile)
      await db
        .updateTable('customers')
        .set({ profile_json: JSON.stringify(profile) })
        .where('customers.customer_id', '=', row.customer_id)
        .execute()
    }
  })
}

describe('verify', () => {
  test('finds nothing in what the engine has written', async () => {
    const found = await look()
    expect(found.differences).toEqual([])
    expect(found.checked).toMatchObject({
      profiles: 3,
      segments: 3,
      messages: 3,
      caps: 3,
      assignments: 3,
      events: 9,
    })
    expect(found.checked.exposures).toBeGreaterThan(0)
    expect((await world.call<Verification>('GET', '/verify')).body).toEqual(found)
  })

  test('a wrong count and a wrong membership are named, and mended', async () => {
    await spoilProfiles((profile) => {
      profile.counts['Cart Abandoned']!.total = 7
      profile.segments = {}
    })
    const found = await look()
    expect(found.differencesCount).toBe(6)
    expect(found.differences.map(({ check, detail }) => `${check}: ${detail}`)).toContain(
      'profiles: Cart Abandoned: 7 (0 micros) kept, 1 (0 micros) counted',
    )
    expect(found.differences.map(({ check, detail }) => `${check}: ${detail}`)).toContain(
      'segments: is in buyers and is not kept there',
    )
    expect(await look(true)).toMatchObject({ differencesCount: 6, repairedCount: 6 })
    expect(await look()).toMatchObject({ differencesCount: 0 })
    expect((await world.call('GET', '/customers/u1')).body).toMatchObject({
      profile: { counts: { 'Cart Abandoned': { total: 1 } }, segments: { buyers: expect.any(Number) } },
    })
  })

  test('a counter of money that drifted is named, and mended', async () => {
    await spoil('update campaign_spend set spent_micros = spent_micros + 5')
    const found = await look(true)
    expect(found.differences.filter(({ check }) => check === 'spend')).toMatchObject([
      { id: 'cart', repaired: true },
    ])
    expect(await look()).toMatchObject({ differencesCount: 0 })
  })

  test.each([
    [
      'a state without its step',
      "update messages set state = 'failed'",
      'messages',
      'is failed, and its history',
    ],
    [
      'a step that cannot be',
      "update message_transitions set state = 'lapsed' where sequence = 2",
      'messages',
      'went from lapsed to sent',
    ],
    ['an attempt that is missing', 'delete from attempts', 'messages', '1 claims, and 0 attempts'],
    [
      'another treatment than was decided',
      "update messages set treatment_id = 'x/email'",
      'messages',
      'says something else',
    ],
    [
      'a send over the cap',
      `update messages set customer_id = (select min(customer_id) from messages)`,
      'caps',
      '3 sends where the workspace’s cap allows 2 in 24 hours',
    ],
    [
      'a send to the held out',
      'update assignments set held_out = 1, entered_at = 0',
      'assignments',
      'who is held out of cart',
    ],
    [
      'an arm that is none',
      "update assignments set arm = 'letter'",
      'assignments',
      'is in arm letter of cart',
    ],
    [
      'a reward that is missing',
      "update exposures set state = 'credited' where state = 'converted'",
      'exposures',
      'its window is credited, and the learner was told',
    ],
    ['an event that could come twice', 'delete from event_dedupe', 'events', 'without a mark'],
  ])('names %s, and mends nothing of the ledger', async (_name, sql, check, detail) => {
    await spoil(sql)
    const found = await look(true)
    const own = found.differences.filter((difference) => difference.check === check)
    expect(own.map((difference) => difference.detail).join('\n')).toContain(detail)
    expect(own.every(({ repaired }) => !repaired)).toBe(true)
  })

  test('two customers who turn out to be one are over no cap', async () => {
    await spoil(`update messages set customer_id = (select min(customer_id) from messages);
      update decisions set customer_id = (select min(customer_id) from messages);
      update customers set merged_into = (select min(customer_id) from messages), updated_at = ${world.clock.now() + 1}
        where customer_id > (select min(customer_id) from messages)`)
    expect((await look()).differences.filter(({ check }) => check === 'caps')).toEqual([])
  })

  test('a segment defined since nobody looked is no difference', async () => {
    await world.call('POST', '/workspace-file', {
      yaml: 'segments: [{ id: known, name: Known, condition: { trait: firstName, op: exists, value: true } }]',
    })
    expect(await look()).toMatchObject({ differencesCount: 0 })
  })
})

describe('backup', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'starling-backup-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('copies store and log, for nobody else to read', async () => {
    const to = join(folder, 'deep/er')
    const { body } = await world.call('POST', '/backup', { folder: to })
    if (world.engine.parts.store.dialect === 'postgres') {
      expect(body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('pg_dump') })
      return
    }
    expect(body).toEqual({ folder: to, files: ['store.db', 'log.db'] })
    expect(statSync(join(to, 'store.db')).mode & 0o777).toBe(0o600)
    const copy = new DatabaseSync(join(to, 'store.db'), { readOnly: true })
    expect(copy.prepare('select count(*) as count from events').get()).toEqual({ count: 9 })
    copy.close()
  })

  test('refuses a folder that is relative, or the data’s own', async () => {
    if (world.engine.parts.store.dialect === 'postgres') return
    for (const own of ['backup', world.dataDir]) {
      expect(await world.call('POST', '/backup', { folder: own })).toMatchObject({
        status: 400,
        body: { field: 'folder' },
      })
    }
  })
})

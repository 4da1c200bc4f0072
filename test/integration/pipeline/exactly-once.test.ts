import { afterEach, expect, test } from 'vitest'
import { assembleWorker } from '../../../src/pipeline/roles/worker-role.ts'
import { workerGroup } from '../../../src/pipeline/worker.ts'
import {
  customer,
  type EngineWorld,
  identify,
  openEngineWorld,
  track,
  welcomeFile,
  workspace,
} from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

test('an event that comes twice, in one batch and in a later one, counts once', async () => {
  world = await openEngineWorld(welcomeFile())
  const signedUp = track('ann', 'Signed Up', 'e-1')
  await world.take(identify('ann'), signedUp, signedUp)
  await world.engine.drain()
  await world.take(signedUp, identify('ann'))
  await world.take(signedUp)
  await world.engine.drain()

  expect((await world.rows('events')).map((row) => row.event_id).sort()).toEqual(['e-1', 'identify-ann'])
  const [profile] = await world.rows('customers')
  expect(JSON.parse(profile!.profile_json).counts['Signed Up'].total).toBe(1)
  expect(await world.decisionsOf('ann')).toEqual(['treatment'])
  expect(await world.rows('outbox')).toHaveLength(1)
  expect(await world.rows('rejected_events')).toEqual([])
  expect(world.errors).toEqual([])
})

test('a worker whose offset was moved by another rolls back, changes nothing and goes on from there', async () => {
  world = await openEngineWorld(welcomeFile())
  const { parts, roles } = world.engine
  // Reads its offsets now; then it is as if it had been paused while the other went on.
  const paused = await assembleWorker({ ...parts, settings: { ...parts.settings, batchRecordsMax: 2 } })
  await world.take(identify('ann'), track('ann', 'Signed Up', 'e-1'), identify('bob'))
  await world.take(track('bob', 'Signed Up', 'e-2'), track('ann', 'Visited', 'e-3'))
  expect(await roles.worker.step(0)).toBe(5)
  const before = await everything()

  expect(await paused.step(0)).toBe(0)
  expect(await everything()).toEqual(before)

  await world.take(track('bob', 'Visited', 'e-4'))
  expect(await paused.step(0)).toBe(1)
  expect(await paused.lag()).toBe(0)
  expect((await world.rows('events')).map((row) => row.event_id).sort()).toEqual(
    ['e-1', 'e-2', 'e-3', 'e-4', 'identify-ann', 'identify-bob'].sort(),
  )
  expect(await world.engine.roles.worker.step(0)).toBe(0)
  expect((await offsets()).at(0)).toBe(6)
  await paused.close()
})

test('of two workers on one partition each batch is committed by one of them', async () => {
  world = await openEngineWorld(welcomeFile(), { batchRecordsMax: 3 })
  const { parts, roles } = world.engine
  const other = await assembleWorker(parts)
  const ids = Array.from({ length: 40 }, (_, i) => `c-${i}`)
  for (const id of ids) await world.take(identify(id), track(id, 'Signed Up', `e-${id}`))
  let taken = 0
  // Both read the same records before either commits: SQLite has one writer, the slower one finds the offset moved.
  for (let turn = 0; turn < 80 && taken < 80; turn++) {
    const both = await Promise.all([roles.worker.step(0), other.step(0)])
    taken += both[0] + both[1]
  }
  await other.close()
  expect(taken).toBe(80)
  expect(await offsets()).toEqual([80])
  expect(await world.rows('events')).toHaveLength(80)
  const messages = await world.rows('messages')
  expect(new Set(messages.map((row) => row.customer_id)).size).toBe(40)
  expect(messages).toHaveLength(40)
})

test('a record that cannot be applied is set aside once and holds up nobody', async () => {
  world = await openEngineWorld(welcomeFile())
  const broken = {
    v: 1,
    workspace,
    eventId: 'broken',
    customerId: customer('ann'),
    kind: 'track',
    occurredAt: 'yesterday',
    receivedAt: world.clock.now(),
    payload: { name: 'Signed Up', properties: {} },
  }
  await world.take(identify('ann'))
  await world.append([{ key: `${workspace}\u0000${customer('ann')}`, body: JSON.stringify(broken) }])
  await world.take(track('ann', 'Signed Up', 'e-1'))
  await world.engine.drain()
  const rejected = await world.rows('rejected_events')
  expect(rejected.map(({ rejected_id, code }) => [rejected_id, code])).toEqual([['broken', 'not_applied']])
  expect(await world.rows('outbox')).toHaveLength(1)
  expect(world.errors).toHaveLength(1)
})

async function offsets(): Promise<number[]> {
  const rows = await world.engine.parts.store.read.system
    .selectFrom('log_offsets')
    .selectAll()
    .where('group_name', '=', workerGroup)
    .execute()
  return rows.map((row) => row.next_offset)
}

async function everything(): Promise<unknown> {
  return {
    offsets: await offsets(),
    events: await world.rows('events'),
    customers: await world.rows('customers'),
    decisions: await world.rows('decisions'),
    messages: await world.rows('messages'),
    rejected: await world.rows('rejected_events'),
  }
}

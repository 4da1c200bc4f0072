import { afterEach, expect, test } from 'vitest'
import {
  customer,
  day,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  start,
  track,
  welcomeFile,
  workspace,
} from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

function at(instant: number): object {
  return { timestamp: new Date(instant).toISOString() }
}

test('an event older than an hour changes the profile and triggers nothing', async () => {
  world = await openEngineWorld(welcomeFile())
  await world.take(identify('ann'), identify('bob'))
  await world.take(
    track('ann', 'Signed Up', 'old', at(start - hour - 1)),
    track('bob', 'Signed Up', 'fresh', at(start - hour)),
  )
  await world.engine.drain()
  expect(await world.decisionsOf('ann')).toEqual([])
  expect(await world.decisionsOf('bob')).toEqual(['treatment'])
  const profiles = await world.rows('customers')
  for (const { profile_json } of profiles) expect(JSON.parse(profile_json).counts['Signed Up'].total).toBe(1)
})

test('what is imported changes the profile and triggers nothing', async () => {
  world = await openEngineWorld(welcomeFile())
  const now = world.clock.now()
  const record = {
    v: 1,
    workspace,
    eventId: 'i-1',
    customerId: customer('ann'),
    kind: 'track',
    occurredAt: now,
    receivedAt: now,
    payload: { name: 'Signed Up', properties: {}, userId: 'ann', imported: true },
  }
  await world.take(identify('ann'))
  await world.append([{ key: `${workspace}\u0000${customer('ann')}`, body: JSON.stringify(record) }])
  await world.engine.drain()
  expect(await world.decisionsOf('ann')).toEqual([])
  expect(await world.rows('events')).toHaveLength(2)
})

test('the condition on the event decides whether it triggers', async () => {
  const file = welcomeFile().replace(
    '{ event: Signed Up }',
    '{ event: Signed Up, where: { property: plan, op: eq, value: pro } }',
  )
  world = await openEngineWorld(file)
  await world.take(identify('ann'), track('ann', 'Signed Up', 's1', { properties: { plan: 'free' } }))
  await world.engine.drain()
  expect(await world.decisionsOf('ann')).toEqual([])
  await world.take(track('ann', 'Signed Up', 's2', { properties: { plan: 'pro' } }))
  await world.engine.drain()
  expect(await world.decisionsOf('ann')).toEqual(['treatment'])
})

test('entering a segment by an event triggers, once', async () => {
  const segment = 'segments: [{ id: keen, name: Keen, condition: { event: Visited, op: gte, value: 3 } }]'
  world = await openEngineWorld(
    welcomeFile({ top: segment }).replace('{ event: Signed Up }', '{ segmentEntered: keen }'),
  )
  await world.take(identify('ann'))
  for (const n of [1, 2, 3, 4]) {
    await world.take(track('ann', 'Visited', `v${n}`))
    await world.engine.drain()
    expect(await world.decisionsOf('ann')).toHaveLength(n < 3 ? 0 : 1)
  }
  expect(await world.messagesOf('ann')).toMatchObject([{ state: 'sent' }])
})

test('entering a segment by time alone triggers when the time has come, once', async () => {
  const segment =
    'segments: [{ id: away, name: Away, condition: { event: Visited, measure: daysSince, op: gte, value: 7 } }]'
  world = await openEngineWorld(
    welcomeFile({ top: segment }).replace('{ event: Signed Up }', '{ segmentEntered: away }'),
  )
  // Everybody who never came is away already: they enter with their first event.
  await world.take(track('ann', 'Visited', 'v1'), identify('ann'))
  await world.engine.drain()
  expect(await world.decisionsOf('ann')).toEqual([])

  world.clock.stepTo(start + 7 * day - 1)
  await world.engine.drain()
  expect(await world.decisionsOf('ann')).toEqual([])
  world.clock.stepTo(start + 7 * day)
  await world.engine.drain()
  await world.engine.drain()
  const decisions = await world.rows('decisions')
  expect(decisions.map((row) => [row.trigger_kind, row.outcome])).toEqual([['timer', 'treatment']])
  expect(await world.messagesOf('ann')).toMatchObject([{ state: 'sent' }])

  // Coming back and going again is a new entry.
  await world.take(track('ann', 'Visited', 'v2'))
  await world.engine.drain()
  world.clock.stepTo(start + 14 * day)
  await world.engine.drain()
  expect(await world.rows('decisions')).toHaveLength(2)
})

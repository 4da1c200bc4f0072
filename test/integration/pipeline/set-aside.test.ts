import { afterEach, expect, test } from 'vitest'
import { customerIdOf } from '#platform/ids/ids.ts'
import { type EngineWorld, openEngineWorld, start, workspace } from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

function record(eventId: string, payload: unknown): { key: string; body: string } {
  const customerId = customerIdOf(workspace, 'user', 'ada')
  const body = {
    v: 1,
    workspace,
    eventId,
    customerId,
    kind: 'track',
    occurredAt: start,
    receivedAt: start,
    payload,
  }
  return { key: `${workspace}\u0000${customerId}`, body: JSON.stringify(body) }
}

test('a record that cannot be applied is set aside with its reason, and its neighbours are applied', async () => {
  world = await openEngineWorld('goals: []')
  await world.append([
    record('before', { name: 'A' }),
    record('poison', null),
    record('after', { name: 'A' }),
  ])
  await world.decide()
  expect((await world.rows('events')).map((row) => row.event_id).sort()).toEqual(['after', 'before'])
  const aside = await world.rows('rejected_events')
  expect(aside).toMatchObject([{ rejected_id: 'poison', code: 'not_applied' }])
  expect(JSON.parse(aside[0]?.body ?? '')).toMatchObject({ eventId: 'poison', payload: null })
  expect(world.errors).toEqual([expect.stringContaining('set aside')])
  world.errors.length = 0
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import { customerIdOf } from '#platform/ids/ids.ts'
import { insertRejected, setAsideRow } from '../../../src/pipeline/rejected-event-rows.ts'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
})
afterEach(() => world.close())

test('an accepted event that was set aside goes back into the log as it was', async () => {
  const record = {
    v: 1 as const,
    workspace: 'main',
    eventId: 'e1',
    customerId: customerIdOf('main', 'user', 'u1'),
    kind: 'identify' as const,
    occurredAt: world.clock.now(),
    receivedAt: world.clock.now(),
    payload: { userId: 'u1', traits: { plan: 'gold' } },
  }
  await world.engine.parts.store.transaction((tx) =>
    insertRejected(tx.workspace('main'), [setAsideRow(record, 'the disk was full')]),
  )
  expect((await world.call('GET', '/status')).body).toMatchObject({ rejectedEvents: 1 })
  expect(await world.call('POST', '/rejected-events/e1/replay')).toMatchObject({ status: 200 })
  await world.engine.drain()
  expect((await world.call('GET', '/customers/u1')).body).toMatchObject({
    profile: { traits: { plan: 'gold' } },
  })
  expect((await world.call('GET', '/status')).body).toMatchObject({ rejectedEvents: 0 })
})

import { afterEach, expect, test } from 'vitest'
import { customerIdOf } from '#platform/ids/ids.ts'
import {
  customer,
  type EngineWorld,
  identify,
  openEngineWorld,
  welcomeFile,
  workspace,
} from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

const anonymous = customerIdOf(workspace, 'anonymous', 'visitor')

function visited(messageId: string): object {
  return { type: 'track', messageId, anonymousId: 'visitor', event: 'Visited', properties: {} }
}

/** As another process writes it that has not heard of the link: addressed to the anonymous customer. */
async function lateRecord(eventId: string, name: string): Promise<void> {
  const now = world.clock.now()
  const payload = { name, properties: {}, anonymousId: 'visitor' }
  const record = {
    v: 1,
    workspace,
    eventId,
    customerId: anonymous,
    kind: 'track',
    occurredAt: now,
    receivedAt: now,
  }
  await world.append([
    { key: `${workspace}\u0000${anonymous}`, body: JSON.stringify({ ...record, payload }) },
  ])
}

async function visitsOf(customerId: string): Promise<number> {
  const row = (await world.rows('customers')).find((own) => own.customer_id === customerId)
  return JSON.parse(row?.profile_json ?? '{"counts":{}}').counts.Visited?.total ?? 0
}

test('what an anonymous visitor did becomes the customer’s, with a pointer left behind', async () => {
  world = await openEngineWorld(welcomeFile())
  await world.take(visited('v-1'), visited('v-2'))
  await world.engine.drain()
  expect(await visitsOf(anonymous)).toBe(2)

  await world.take(identify('ann', {}, { anonymousId: 'visitor' }), visited('v-3'))
  await world.engine.drain()
  expect(await visitsOf(customer('ann'))).toBe(3)
  const pointer = (await world.rows('customers')).find((row) => row.customer_id === anonymous)
  expect(pointer?.merged_into).toBe(customer('ann'))
  const owners = (await world.rows('events')).map((row) => row.customer_id)
  expect(new Set(owners)).toEqual(new Set([customer('ann')]))
})

test('an event that meets the pointer is handed on: it counts, once, and triggers for the customer', async () => {
  world = await openEngineWorld(welcomeFile())
  await world.take(identify('ann', {}, { anonymousId: 'visitor' }))
  await world.engine.drain()

  await lateRecord('late-1', 'Visited')
  await lateRecord('late-1', 'Visited')
  await lateRecord('late-2', 'Signed Up')
  await world.engine.drain()
  await lateRecord('late-1', 'Visited')
  await world.engine.drain()

  expect(await visitsOf(customer('ann'))).toBe(1)
  const late = (await world.rows('events')).filter((row) => row.event_id.startsWith('late'))
  expect(late.map((row) => [row.event_id, row.customer_id]).sort()).toEqual([
    ['late-1', customer('ann')],
    ['late-2', customer('ann')],
  ])
  expect(await world.messagesOf('ann')).toMatchObject([{ state: 'sent' }])
  expect(world.errors).toEqual([])
})

test('an event on its way when the visitor had no row yet is not lost', async () => {
  world = await openEngineWorld(welcomeFile())
  await world.take(identify('ann', {}, { anonymousId: 'visitor' }))
  await lateRecord('late-1', 'Visited')
  await world.engine.drain()
  expect(await visitsOf(customer('ann'))).toBe(1)
  expect(await visitsOf(anonymous)).toBe(0)
})

test('a queued message of a visitor stops at the claim when they turn out to be somebody held out', async () => {
  // Find somebody whom the campaign's hash holds out, and a visitor whom it does not.
  world = await openEngineWorld(
    welcomeFile({ holdout: 0.5, top: 'guardrails: { quietHours: { from: "11:00", until: "13:00" } }' }),
  )
  const users = Array.from({ length: 12 }, (_, i) => `u${i}`)
  for (const user of users) {
    await world.take(identify(user), {
      type: 'track',
      messageId: `s-${user}`,
      userId: user,
      event: 'Signed Up',
    })
  }
  await world.decide()
  const heldOut = (await world.rows('assignments')).filter((row) => row.held_out === 1)
  const held = users.find((user) => heldOut.some((row) => row.customer_id === customer(user)))
  if (held === undefined) throw new Error('half of twelve are held out')

  world.clock.stepTo(world.clock.now() + 1000)
  const visitors = Array.from({ length: 12 }, (_, i) => `v${i}`)
  for (const visitor of visitors) {
    const who = { anonymousId: visitor }
    await world.take(
      { type: 'identify', messageId: `i-${visitor}`, ...who, traits: { email: `${visitor}@example.com` } },
      { type: 'track', messageId: `s-${visitor}`, ...who, event: 'Signed Up' },
    )
  }
  await world.decide()
  const queued = (await world.rows('messages')).map((row) => row.customer_id)
  const treated = visitors.find((visitor) => queued.includes(customerIdOf(workspace, 'anonymous', visitor)))
  if (treated === undefined) throw new Error('half of twelve are treated')

  await world.take({ type: 'identify', messageId: 'join', userId: held, anonymousId: treated, traits: {} })
  await world.decide()
  world.clock.stepTo(world.clock.now() + 2 * 3_600_000)
  await world.send()
  expect(await world.messagesOf(held)).toMatchObject([{ state: 'lapsed', reason: 'holdout:held_out' }])
})

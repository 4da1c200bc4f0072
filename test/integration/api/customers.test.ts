import { afterEach, beforeEach, expect, test } from 'vitest'
import { customerIdOf } from '#platform/ids/ids.ts'
import { type DoorWorld, installShop, openDoorWorld } from './door-world.ts'

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
  await installShop(world)
})
afterEach(() => world.close())

const customerId = customerIdOf('main', 'user', 'u1')

interface Customer {
  customerId: string
  profile: { traits: object; counts: Record<string, { total: number }> }
  consents: object
  messages: { id: string; state: string; reason: string }[]
}

test('a customer is found by user id and by our id, with all that is known', async () => {
  await world.identify('u1', { email: 'U1@Example.com', firstName: 'Uma' })
  await world.track('u1', 'Cart Abandoned')
  const { body } = await world.call<Customer>('GET', '/customers/u1')
  expect(body).toMatchObject({
    customerId,
    profile: { traits: { firstName: 'Uma' }, counts: { 'Cart Abandoned': { total: 1 } } },
    consents: {},
    assignments: [{ campaignId: 'cart', heldOut: false, arm: 'mail' }],
    messages: [{ state: 'sent', address: 'u1@example.com', campaignId: 'cart' }],
  })
  expect((await world.call<Customer>('GET', `/customers/${customerId}`)).body).toEqual(body)
  expect(await world.call('GET', '/customers/nobody')).toMatchObject({ status: 404 })
})

test('a denied consent holds from its answer on, also for somebody not heard of yet', async () => {
  const denied = await world.call('PUT', '/customers/u1/consents/email', { state: 'denied', source: 'desk' })
  expect(denied.body).toEqual({ customerId, channel: 'email', state: 'denied', alreadySending: [] })
  await world.identify('u1', { email: 'u1@example.com', firstName: 'Uma' })
  await world.track('u1', 'Cart Abandoned')
  const { body } = await world.call<Customer>('GET', '/customers/u1')
  expect(body).toMatchObject({ consents: { email: 'denied' }, messages: [] })
  await world.call('PUT', '/customers/u1/consents/email', { state: 'granted' })
  await world.track('u1', 'Cart Abandoned')
  expect((await world.call<Customer>('GET', '/customers/u1')).body.messages).toMatchObject([
    { state: 'sent' },
  ])
})

test('a suppressed address is written to no more, until it is allowed again', async () => {
  await world.identify('u1', { email: 'u1@example.com', firstName: 'Uma' })
  expect(
    await world.call('POST', '/suppressions', { channel: 'email', address: ' U1@example.com ' }),
  ).toMatchObject({
    status: 200,
    body: { alreadySending: [] },
  })
  await world.track('u1', 'Cart Abandoned')
  expect((await world.call<Customer>('GET', '/customers/u1')).body.messages).toEqual([])
  expect(await world.call('DELETE', '/suppressions/email/u1@example.com')).toMatchObject({ status: 200 })
  expect(await world.call('DELETE', '/suppressions/email/u1@example.com')).toMatchObject({ status: 404 })
  await world.track('u1', 'Cart Abandoned')
  expect((await world.call<Customer>('GET', '/customers/u1')).body.messages).toHaveLength(1)
})

test('suppressions are listed page by page', async () => {
  for (const address of ['c@x.example', 'a@x.example', 'b@x.example']) {
    await world.call('POST', '/suppressions', { channel: 'email', address, reason: 'complaint' })
  }
  interface Page {
    items: { address: string }[]
    nextCursor: string | null
  }
  const first = (await world.call<Page>('GET', '/suppressions?limit=2')).body
  const second = (await world.call<Page>('GET', `/suppressions?limit=2&cursor=${first.nextCursor}`)).body
  expect([...first.items, ...second.items].map(({ address }) => address)).toEqual([
    'a@x.example',
    'b@x.example',
    'c@x.example',
  ])
  expect(second.nextCursor).toBeNull()
  expect(await world.call('GET', '/suppressions?cursor=!!')).toMatchObject({
    status: 400,
    body: { field: 'cursor' },
  })
})

test('the kill switch and the send mode are in force when they are answered', async () => {
  await world.identify('u1', { email: 'u1@example.com', firstName: 'Uma' })
  const on = await world.call('PATCH', '/workspace', { killSwitch: true })
  expect(on).toMatchObject({ status: 200, body: { killSwitch: true, alreadySending: [] } })
  await world.track('u1', 'Cart Abandoned')
  expect(
    (await world.call<Customer>('GET', '/customers/u1')).body.messages.map(({ state }) => state),
  ).not.toContain('sent')
  const changed = {
    killSwitch: false,
    sendMode: 'allowlist',
    allowlist: ['Ann@Example.com'],
    zone: 'Asia/Kolkata',
  }
  expect((await world.call('PATCH', '/workspace', changed)).body).toMatchObject({
    ...changed,
    allowlist: ['ann@example.com'],
  })
  expect(await world.call('PATCH', '/workspace', { zone: 'Mars/Base' })).toMatchObject({
    status: 422,
    body: { code: 'invalid_definition', field: 'zone' },
  })
  expect(await world.call('PATCH', '/workspace', { reportingCurrency: 'USD' })).toMatchObject({ status: 400 })
  expect((await world.call('GET', '/status')).body).toMatchObject({
    sendMode: 'allowlist',
    killSwitch: false,
    liveCampaigns: ['cart', 'history'],
    logLag: 0,
    rejectedEvents: 0,
  })
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import webPush from 'web-push'
import { customerIdOf } from '#platform/ids/ids.ts'
import { makeBrowserKeys } from '../../support/push/browser-side.ts'
import { type CustomerApp, signIn } from './customer-world.ts'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

interface Endpoint {
  id: string
  kind: string
  service: string
}

const vapid = webPush.generateVAPIDKeys()
const keys = makeBrowserKeys()
let world: DoorWorld
let ann: CustomerApp
let bob: CustomerApp

beforeAll(async () => {
  world = await openDoorWorld({
    providers: [
      {
        id: 'browsers',
        kind: 'web-push',
        weight: 1,
        settings: { subject: 'mailto:a@b.example', privateKey: vapid.privateKey },
      },
    ],
  })
  ann = await signIn(world, { userId: 'ann' })
  bob = await signIn(world, { anonymousId: 'bob' })
})
afterAll(() => world.close())

function subscription(over: object = {}) {
  return {
    endpoint: 'https://fcm.googleapis.com/fcm/send/abc:def',
    expirationTime: null,
    keys: { p256dh: keys.publicKey.toString('base64url'), auth: keys.auth.toString('base64url') },
    ...over,
  }
}

async function listOf(app: CustomerApp): Promise<Endpoint[]> {
  return (await app.call<{ items: Endpoint[] }>('GET', '/endpoints')).body.items
}

test('what a browser subscribed to is registered, listed newest first, and removed', async () => {
  world.clock.stepTo(world.clock.now() + 1000)
  const web = await ann.call<Endpoint>('POST', '/endpoints', {
    kind: 'web-push',
    subscription: subscription(),
  })
  expect([web.status, web.body]).toEqual([200, expect.objectContaining({ service: 'fcm.googleapis.com' })])
  world.clock.stepTo(world.clock.now() + 1000)
  await ann.call('POST', '/endpoints', { kind: 'apns', token: 'AB'.repeat(32) })
  expect((await listOf(ann)).map(({ kind }) => kind)).toEqual(['apns', 'web-push'])
  // The same once more is the same, and the newest.
  world.clock.stepTo(world.clock.now() + 1000)
  const again = await ann.call<Endpoint>('POST', '/endpoints', {
    kind: 'web-push',
    subscription: subscription(),
  })
  expect(again.body.id).toBe(web.body.id)
  expect((await listOf(ann)).map(({ kind }) => kind)).toEqual(['web-push', 'apns'])
  expect((await bob.call('DELETE', `/endpoints/${web.body.id}`)).status).toBe(404)
  expect((await ann.call('DELETE', `/endpoints/${web.body.id}`)).status).toBe(204)
  expect((await ann.call('DELETE', `/endpoints/${web.body.id}`)).status).toBe(404)
  expect((await listOf(ann)).map(({ kind }) => kind)).toEqual(['apns'])
})

test('a device is the customer’s who registered it last', async () => {
  const registered = await ann.call<Endpoint>('POST', '/endpoints', { kind: 'fcm', token: 'tok:shared' })
  await bob.call('POST', '/endpoints', { kind: 'fcm', token: 'tok:shared' })
  expect((await listOf(ann)).map(({ id }) => id)).not.toContain(registered.body.id)
  expect((await listOf(bob)).map(({ id }) => id)).toEqual([registered.body.id])
  const { store } = world.engine.parts
  const rows = await store.read.workspace('main').selectFrom('endpoints').selectAll('endpoints').execute()
  expect(rows.find((row) => row.address === 'fcm:tok:shared')!.customer_id).toBe(
    customerIdOf('main', 'anonymous', 'bob'),
  )
})

test.each([
  [
    'a service that is none',
    { kind: 'web-push', subscription: subscription({ endpoint: 'https://10.0.0.1/x' }) },
  ],
  [
    'an address without TLS',
    { kind: 'web-push', subscription: subscription({ endpoint: 'http://fcm.googleapis.com/x' }) },
  ],
  [
    'keys that are none',
    { kind: 'web-push', subscription: subscription({ keys: { p256dh: 'x', auth: 'y' } }) },
  ],
  ['a token of two words', { kind: 'fcm', token: 'a b' }],
  ['a token that is no hexadecimal', { kind: 'apns', token: 'zz'.repeat(32) }],
  ['a kind we do not know', { kind: 'pigeon', token: 'x' }],
])('refuses %s', async (_, body) => {
  expect((await ann.call<{ code: string }>('POST', '/endpoints', body)).status).toBe(400)
})

test('a customer’s oldest devices make room: twenty are kept', async () => {
  const app = await signIn(world, { userId: 'many' })
  for (let n = 0; n < 23; n++) {
    world.clock.stepTo(world.clock.now() + 1000)
    await app.call('POST', '/endpoints', { kind: 'fcm', token: `tok:${n}` })
  }
  expect(await listOf(app)).toHaveLength(20)
})

test('the key that browsers subscribe with, and the scripts, are there for any page', async () => {
  const answer = await fetch(`${world.url}/api/v1/push/vapid-public-key`, {
    headers: { origin: 'https://shop.example' },
  })
  expect(await answer.json()).toEqual({ publicKey: vapid.publicKey })
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  const worker = await fetch(`${world.url}/sdk/starling-sw.js`)
  expect(worker.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  expect(worker.headers.get('service-worker-allowed')).toBe('/')
  const script = await fetch(`${world.url}/sdk/starling.js`)
  const etag = script.headers.get('etag')!
  expect((await fetch(`${world.url}/sdk/starling.js`, { headers: { 'if-none-match': etag } })).status).toBe(
    304,
  )
  // A strict policy lets it run: it makes no code of texts and writes no styles.
  expect(await script.text()).not.toMatch(/\beval\b|new Function|innerHTML|\.style\b|document\.write/)
})

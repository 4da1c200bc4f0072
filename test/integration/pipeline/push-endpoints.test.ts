import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import webPush from 'web-push'
import { touchWorkspace } from '../../../src/pipeline/workspace-context.ts'
import { registerEndpoint } from '../../../src/profile/endpoint-rows.ts'
import { decryptPush, makeBrowserKeys } from '../../support/push/browser-side.ts'
import { type Loopback, startLoopback } from '../../support/push/loopback.ts'
import {
  customer,
  day,
  type EngineWorld,
  identify,
  minute,
  openEngineWorld,
  track,
  workspace,
} from './engine-world.ts'

const pushFile = `
goals: [{ id: order, event: Order Completed, value: { property: revenue }, windowHours: 48 }]
offers: [{ id: tea, name: Tea, value: 10 }]
templates:
  - { id: hello, channel: push, subject: "Tea, {{customer.firstName}}?", text: "It is hot.", url: "https://shop.example/tea", data: { screen: tea }, defaults: { customer.firstName: you } }
experiments:
  - { id: same, arms: [{ id: a, share: 0.5, control: true, treatment: tea/push }, { id: b, share: 0.5, treatment: tea/push }] }
campaigns:
  - id: welcome
    name: Welcome
    goal: order
    trigger: { event: Signed Up }
    holdout: 0
    policy: { kind: fixed-split, experiment: same }
    treatments: [{ offer: tea, channel: push, variants: [{ id: v, template: hello }] }]
`

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const vapid = webPush.generateVAPIDKeys()
const browser = makeBrowserKeys()
let fcm: Loopback
let browsers: Loopback
let world: EngineWorld

beforeEach(async () => {
  fcm = await startLoopback({
    beside: ({ path }) =>
      path === '/token' ? { status: 200, body: '{"access_token":"t","expires_in":3600}' } : null,
    faultsOf: () => [],
    keyOf: ({ body }) => JSON.parse(body.toString()).message.token,
    accepts: (_call, key) => ({ status: 200, body: JSON.stringify({ name: `m-${key}` }) }),
  })
  browsers = await startLoopback({
    faultsOf: () => [],
    keyOf: ({ path }) => path,
    accepts: () => ({ status: 201 }),
  })
  world = await openEngineWorld(pushFile, {
    providers: [
      {
        id: 'android',
        kind: 'fcm',
        weight: 1,
        settings: {
          projectId: 'acme-1',
          clientEmail: 'p@acme.iam.gserviceaccount.com',
          privateKey: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
          endpoint: fcm.url,
          oauthUrl: `${fcm.url}/token`,
        },
      },
      {
        id: 'browsers',
        kind: 'web-push',
        weight: 1,
        settings: {
          subject: 'mailto:push@acme.example',
          privateKey: vapid.privateKey,
          services: [new URL(browsers.url).host],
          plain: true,
        },
      },
    ],
  })
  await goLive()
})
afterEach(async () => {
  await world.close()
  await Promise.all([fcm.close(), browsers.close()])
})

async function goLive(): Promise<void> {
  await world.engine.parts.store.transaction(async (tx) => {
    await tx.system
      .updateTable('workspaces')
      .set({ send_mode: 'live' })
      .where('workspace', '=', workspace)
      .execute()
    await touchWorkspace(tx, workspace)
  })
}

function device(token: string) {
  return { context: { device: { token, type: 'android' } } }
}

function subscription(path: string) {
  return {
    kind: 'web-push' as const,
    endpoint: `${browsers.url}${path}`,
    p256dh: browser.publicKey.toString('base64url'),
    auth: browser.auth.toString('base64url'),
  }
}

async function register(userId: string, endpoint: Parameters<typeof registerEndpoint>[2]): Promise<void> {
  const { store, clock } = world.engine.parts
  await store.transaction((tx) =>
    registerEndpoint(tx.workspace(workspace), customer(userId), endpoint, clock.now()),
  )
}

let signUps = 0
async function signUp(userId: string): Promise<void> {
  await world.take(track(userId, 'Signed Up', `s${++signUps}`))
  await world.decide()
}

async function endpoints(): Promise<[string, string, boolean][]> {
  const names = new Map(['ann', 'bob'].map((name) => [customer(name), name]))
  const rows = await world.rows('endpoints')
  return rows
    .map((row): [string, string, boolean] => [
      row.address.split('#')[0]!,
      names.get(row.customer_id) ?? row.customer_id,
      row.gone_at === null,
    ])
    .sort()
}

test('a token that came with an event is where the push goes, in the same batch already', async () => {
  await world.take(identify('ann', { firstName: 'Ann' }, device('tok:1')), track('ann', 'Signed Up', 'a'))
  await world.decide()
  await world.send()
  expect(await fcm.received()).toEqual(['tok:1'])
  expect(await world.messagesOf('ann')).toMatchObject([{ state: 'sent' }])
  const { message } = JSON.parse(fcm.calls[0]!.body.toString())
  expect(message.notification).toEqual({ title: 'Tea, Ann?', body: 'It is hot.' })
  expect(message.data).toMatchObject({ screen: 'tea', url: expect.stringContaining('/c/') })
})

test('a browser that is registered later is newer; what it is shown is encrypted for it alone', async () => {
  await world.take(identify('ann', {}, device('tok:1')))
  await world.decide()
  world.clock.stepTo(world.clock.now() + minute)
  await register('ann', subscription('/b1'))
  await signUp('ann')
  await world.send()
  expect([await fcm.received(), await browsers.received()]).toEqual([[], ['/b1']])
  const [call] = browsers.calls
  const shown = JSON.parse(decryptPush(call!.body, browser).toString())
  expect(shown).toMatchObject({ title: 'Tea, you?', body: 'It is hot.', data: { screen: 'tea' } })
  // Until the message lapses: a day after the decision.
  expect(call!.headers.ttl).toBe(String(day / 1000))
})

test('nobody without a device is in the population', async () => {
  await world.take(identify('ann'))
  await signUp('ann')
  expect(await world.rows('assignments')).toEqual([])
  expect(await world.rows('messages')).toEqual([])
})

test('a dead one is removed, and the message goes to the customer’s next; then nothing tries it again', async () => {
  await world.take(identify('ann', {}, device('tok:1')))
  await world.decide()
  world.clock.stepTo(world.clock.now() + minute)
  await register('ann', subscription('/b1'))
  browsers.next({ status: 410 })()
  await signUp('ann')
  await world.send()
  expect([browsers.calls.length, await fcm.received()]).toEqual([1, ['tok:1']])
  expect(await world.messagesOf('ann')).toMatchObject([{ state: 'sent' }])
  expect(await endpoints()).toEqual([
    ['fcm:tok:1', 'ann', true],
    [`web-push:${browsers.url}/b1`, 'ann', false],
  ])
  await signUp('ann')
  await world.send()
  expect(browsers.calls.length).toBe(1)
})

test('with the last one gone the message has failed, and an event with the token does not bring it back', async () => {
  await world.take(identify('ann', {}, device('tok:1')))
  await world.decide()
  const details = [
    { '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: 'UNREGISTERED' },
  ]
  fcm.next({ status: 404, body: JSON.stringify({ error: { code: 404, status: 'NOT_FOUND', details } }) })()
  await signUp('ann')
  await world.send()
  expect(await world.messagesOf('ann')).toMatchObject([
    { state: 'failed', reason: expect.stringContaining('UNREGISTERED') },
  ])
  world.clock.stepTo(world.clock.now() + 2 * day)
  await world.take(track('ann', 'Seen', 'seen', device('tok:1')))
  await signUp('ann')
  await world.send()
  expect(fcm.calls.length).toBe(1)
  expect(await endpoints()).toEqual([['fcm:tok:1', 'ann', false]])
  // The app itself says that it is there: that counts.
  await register('ann', { kind: 'fcm', token: 'tok:1' })
  await signUp('ann')
  await world.send()
  expect(await fcm.received()).toEqual(['tok:1'])
})

test('two messages for one dead token: the second is not tried', async () => {
  await world.take(identify('ann', {}, device('tok:1')))
  await signUp('ann')
  await signUp('ann')
  const details = [
    { '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: 'UNREGISTERED' },
  ]
  fcm.next({ status: 404, body: JSON.stringify({ error: { status: 'NOT_FOUND', details } }) })()
  const { store } = world.engine.parts
  // The second is due a moment later.
  const [, second] = await world.rows('messages')
  await store.transaction((tx) =>
    tx
      .workspace(workspace)
      .updateTable('messages')
      .set({ due_at: world.clock.now() + 10 })
      .where('messages.message_id', '=', second!.message_id)
      .execute(),
  )
  await world.send()
  world.clock.stepTo(world.clock.now() + 10)
  await world.send()
  expect(fcm.calls.length).toBe(1)
  const states = (await world.messagesOf('ann')).map(({ state, reason }) => `${state} ${reason}`).sort()
  expect(states).toEqual([
    expect.stringMatching(/^failed fcm_UNREGISTERED/),
    'lapsed send-address:no_address',
  ])
})

test('who signs in on a device takes it over: the other is no longer reached there', async () => {
  await world.take(identify('ann', {}, device('tok:1')))
  await world.decide()
  await signUp('ann')
  world.clock.stepTo(world.clock.now() + minute)
  // Between the decision and the send.
  await world.take(identify('bob', {}, device('tok:1')))
  await world.decide()
  await world.send()
  expect(fcm.calls).toEqual([])
  expect(await world.messagesOf('ann')).toMatchObject([
    { state: 'lapsed', reason: 'send-address:no_address' },
  ])
  await signUp('bob')
  await world.send()
  expect(await fcm.received()).toEqual(['tok:1'])
  expect(await endpoints()).toEqual([['fcm:tok:1', 'bob', true]])
})

test('an event of an earlier time does not take a device back', async () => {
  await world.take(identify('bob', {}, device('tok:1')))
  await world.decide()
  const earlier = { ...device('tok:1'), timestamp: new Date(world.clock.now() - 10 * minute).toISOString() }
  await world.take(track('ann', 'Seen', 'late', earlier))
  await world.decide()
  expect(await endpoints()).toEqual([['fcm:tok:1', 'bob', true]])
})

test('after a merge the visitor’s browser is the user’s', async () => {
  const visitor = { type: 'track', anonymousId: 'v', event: 'Seen', messageId: 'v1', ...device('tok:v') }
  await world.take(visitor)
  await world.decide()
  await world.take({ type: 'identify', userId: 'ann', anonymousId: 'v', messageId: 'link' })
  await world.decide()
  await signUp('ann')
  await world.send()
  expect(await fcm.received()).toEqual(['tok:v'])
})

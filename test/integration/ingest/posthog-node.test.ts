import type { IncomingMessage } from 'node:http'
import { PostHog } from 'posthog-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProductEventPayload } from '#contracts/event.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import { type ApiWorld, createApiWorld, writeKey } from './api-world.ts'

/** The server client of PostHog as it is on npm. Its wait between tries is fixed: shortened here. */
let world: ApiWorld
let posthog: PostHog
let requests: { path: string; headers: IncomingMessage['headers']; status: number }[]
beforeEach(async () => {
  world = await createApiWorld()
  requests = []
  world.app.server.prependListener('request', ({ url: path = '', headers }, response) => {
    const sent = { path, headers: { ...headers }, status: 0 }
    requests.push(sent)
    response.on('finish', () => {
      sent.status = response.statusCode
    })
  })
  posthog = client()
})
afterEach(async () => {
  await posthog.shutdown()
  await world.close()
})

function client(options: object = {}, key = writeKey): PostHog {
  return new PostHog(key, {
    host: world.url,
    flushAt: 1000,
    flushInterval: 60_000,
    fetchRetryDelay: 20,
    ...options,
  })
}

const payloadOf = async (kind: string) =>
  (await world.records()).find((record) => record.kind === kind)!.payload as ProductEventPayload

test('events arrive with their ids, times, properties and library', async () => {
  const before = Date.now()
  posthog.capture({
    distinctId: 'u1',
    event: 'Product Viewed',
    properties: { price: 79.9, $set: { email: 'ann@example.com' }, $set_once: { source: 'mail' } },
    uuid: '0199a1b2-0000-7000-8000-000000000001',
  })
  posthog.capture({
    distinctId: 'u1',
    event: '$pageview',
    properties: { $current_url: 'https://shop.example/' },
  })
  posthog.capture({ distinctId: 'u1', event: '$screen', properties: { $screen_name: 'Basket' } })
  await posthog.flush()
  expect(requests).toMatchObject([{ path: '/batch/', status: 200, headers: { 'content-encoding': 'gzip' } }])
  const records = await world.records()
  const track = records.find((record) => record.kind === 'track')!
  expect(track).toMatchObject({
    eventId: '0199a1b2-0000-7000-8000-000000000001',
    customerId: customerIdOf('shop', 'user', 'u1'),
    payload: {
      name: 'Product Viewed',
      userId: 'u1',
      properties: { price: 79.9 },
      context: {
        library: { name: 'posthog-node' },
        traits: { email: 'ann@example.com' },
        traitsOnce: { source: 'mail' },
      },
    },
  })
  expect((track.payload as ProductEventPayload).properties).not.toHaveProperty('$set')
  expect(await payloadOf('page')).toMatchObject({ properties: { url: 'https://shop.example/' } })
  expect(await payloadOf('screen')).toMatchObject({ name: 'Basket' })
  for (const { occurredAt } of records) {
    expect(occurredAt).toBeGreaterThanOrEqual(before - 50)
    expect(occurredAt).toBeLessThanOrEqual(Date.now())
  }
})

test('identify sets traits and joins the anonymous id, alias joins two, a group is described', async () => {
  posthog.capture({ distinctId: 'visitor-1', event: 'Product Viewed' })
  posthog.identify({
    distinctId: 'u1',
    properties: { plan: 'pro', $anon_distinct_id: 'visitor-1', $set_once: { first: 'yes' } },
  })
  posthog.alias({ distinctId: 'u1', alias: 'crm-77' })
  posthog.groupIdentify({ groupType: 'company', groupKey: 'acme', properties: { seats: 5 } })
  posthog.groupIdentify({ groupType: 'company', groupKey: 'acme', distinctId: 'u1' })
  await posthog.flush()
  const visitor = (kind: 'user' | 'anonymous') => customerIdOf('shop', kind, 'visitor-1')
  expect(await payloadOf('identify')).toMatchObject({
    userId: 'u1',
    anonymousId: 'visitor-1',
    traits: { plan: 'pro' },
    context: { traitsOnce: { first: 'yes' } },
    mergeFrom: expect.arrayContaining([visitor('user'), visitor('anonymous')]),
  })
  expect(await payloadOf('alias')).toMatchObject({ userId: 'u1', previousId: 'crm-77' })
  const records = await world.records()
  const groups = records.filter((record) => record.kind === 'group')
  // One is of nobody: it describes the group and triggers nothing.
  expect(
    groups.map(({ payload }) => [(payload as ProductEventPayload).userId, payload]).toSorted(),
  ).toMatchObject([
    ['$company_acme', { groupId: 'acme', traits: { seats: 5 }, imported: true }],
    ['u1', { groupId: 'acme' }],
  ])
  // What the visitor did stands before the identify in the same request: it is the user's all the same.
  const track = records.find((record) => record.kind === 'track')
  expect(track?.customerId).toBe(customerIdOf('shop', 'user', 'u1'))
})

test('two ids on one event join nothing', async () => {
  posthog.capture({
    distinctId: 'u1',
    event: 'A',
    properties: { $anon_distinct_id: 'visitor-1', $device_id: 'visitor-1', $user_id: 'u9' },
  })
  await posthog.flush()
  expect((await payloadOf('track')).mergeFrom).toBeUndefined()
})

test('a batch that is too large is halved until it fits, and arrives once', async () => {
  const big = client({ disableCompression: true, maxBatchSize: 400 })
  // 400 × 30 kB are 12 MB; a request may have 4 MB.
  const text = 'x'.repeat(7500)
  for (let i = 0; i < 400; i++) {
    big.capture({ distinctId: `u${i}`, event: 'A', properties: { a: text, b: text, c: text, d: text } })
  }
  await big.flush()
  await big.shutdown()
  expect(requests.map(({ status }) => status)).toEqual([413, 413, 200, 200, 200, 200])
  const ids = (await world.records()).map((record) => record.eventId)
  expect([ids.length, new Set(ids).size]).toEqual([400, 400])
})

test('429 and 503 are sent again with the same ids', async () => {
  world.refusals.push(
    { kind: 'full', retryAfterSeconds: 1 },
    { kind: 'unavailable', reason: 'the disk is full' },
  )
  posthog.capture({ distinctId: 'u1', event: 'A', uuid: '0199a1b2-0000-7000-8000-000000000002' })
  await posthog.flush()
  expect(requests.map(({ status }) => status)).toEqual([429, 503, 200])
  expect(await world.records()).toMatchObject([{ eventId: '0199a1b2-0000-7000-8000-000000000002' }])
})

test('a wrong key is refused for good', async () => {
  const wrong = client({}, 'shop:wrong')
  wrong.capture({ distinctId: 'u1', event: 'A' })
  await expect(wrong.flush()).rejects.toMatchObject({ status: 401 })
  await wrong.shutdown()
  expect(requests.map(({ status }) => status)).toEqual([401])
})

test('history is imported', async () => {
  const history = client({ historicalMigration: true })
  history.capture({ distinctId: 'u1', event: 'A', timestamp: new Date('2020-01-01T00:00:00Z') })
  await history.shutdown()
  expect(await world.records()).toMatchObject([{ payload: { name: 'A', imported: true } }])
  expect(Math.abs((await world.records())[0]!.occurredAt - Date.UTC(2020, 0, 1))).toBeLessThan(1000)
})

test('who asks for flags gets none, at once', async () => {
  expect(await posthog.getAllFlags('u1')).toEqual({})
  expect((await posthog.evaluateFlags('u1')).isEnabled('beta')).toBe(false)
  const local = client({ personalApiKey: 'phx_any', enableLocalEvaluation: true })
  const faults: unknown[] = []
  local.on('error', (fault) => faults.push(fault))
  await local.reloadFeatureFlags()
  await local.shutdown()
  expect(faults).toEqual([])
  expect(new Set(requests.map(({ path, status }) => `${path.split('?')[0]} ${status}`))).toEqual(
    new Set(['/flags/ 200', '/flags/definitions 200']),
  )
  expect(world.errors).toEqual([])
})

import type { IncomingMessage } from 'node:http'
import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProductEventPayload } from '#contracts/event.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import { type ApiWorld, createApiWorld, writeKey } from './api-world.ts'

/** The server client of RudderStack as it is on npm. */
let world: ApiWorld
let requests: { path: string; headers: IncomingMessage['headers']; status: number }[]
beforeEach(async () => {
  world = await createApiWorld()
  requests = []
  world.app.server.prependListener('request', (request, response) => {
    // Before the door looks at it: ours sets the content type that it reads by.
    const { url: path = '', headers } = request
    const sent = { path, headers: { ...headers }, status: 0 }
    requests.push(sent)
    response.on('finish', () => {
      sent.status = response.statusCode
    })
  })
})
afterEach(() => world.close())

function client(options: object = {}, key = writeKey): RudderAnalytics {
  return new RudderAnalytics(key, {
    dataPlaneUrl: world.url,
    flushAt: 100,
    flushInterval: 60_000,
    logLevel: 'none',
    ...options,
  })
}

test('all six calls arrive whole, in a gzip that calls itself a form', async () => {
  const rudder = client()
  rudder.identify({ userId: 'u1', anonymousId: 'a1', traits: { email: 'ann@example.com' } })
  rudder.track({ userId: 'u1', event: 'Product Viewed', properties: { price: 79.9 } })
  rudder.page({ anonymousId: 'a2', name: 'Shoes', properties: { url: 'https://shop.example/' } })
  rudder.screen({ userId: 'u1', name: 'Basket' })
  rudder.group({ userId: 'u1', groupId: 'g1', traits: { plan: 'pro' } })
  rudder.alias({ userId: 'u2', previousId: 'u1' })
  await rudder.flush()
  // The first event goes alone, the others together.
  for (const request of requests) {
    expect(request).toMatchObject({
      path: '/v1/batch',
      status: 200,
      headers: {
        'content-encoding': 'gzip',
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
      },
    })
  }
  const records = await world.records()
  const payload = (kind: string) =>
    records.find((record) => record.kind === kind)!.payload as ProductEventPayload
  expect(records.map((record) => record.kind).toSorted()).toEqual([
    'alias',
    'group',
    'identify',
    'page',
    'screen',
    'track',
  ])
  expect(payload('identify')).toMatchObject({
    userId: 'u1',
    anonymousId: 'a1',
    traits: { email: 'ann@example.com' },
    mergeFrom: [customerIdOf('shop', 'anonymous', 'a1')],
  })
  expect(payload('track')).toMatchObject({
    name: 'Product Viewed',
    properties: { price: 79.9 },
    context: { library: { name: 'analytics-node' } },
  })
  expect(payload('page')).toMatchObject({ name: 'Shoes', anonymousId: 'a2' })
  expect(payload('screen')).toMatchObject({ name: 'Basket' })
  expect(payload('group')).toMatchObject({ groupId: 'g1', traits: { plan: 'pro' } })
  expect(payload('alias')).toMatchObject({
    userId: 'u2',
    previousId: 'u1',
    mergeFrom: [customerIdOf('shop', 'user', 'u1')],
  })
  // A track of an anonymous id that was never seen links nothing.
  expect(payload('track').mergeFrom).toBeUndefined()
})

test('a 429 and a 503 are sent again with the same ids; Retry-After is waited for', async () => {
  const rudder = client()
  world.refusals.push(
    { kind: 'full', retryAfterSeconds: 1 },
    { kind: 'unavailable', reason: 'the disk is full' },
  )
  const startedAt = performance.now()
  rudder.track({ userId: 'u1', event: 'A' })
  await rudder.flush()
  expect(requests.map(({ status }) => status)).toEqual([429, 503, 200])
  expect(performance.now() - startedAt).toBeGreaterThan(990)
  const records = await world.records()
  expect(records).toMatchObject([{ kind: 'track', payload: { name: 'A' } }])
})

test('a wrong key is refused for good', async () => {
  const faults: unknown[] = []
  const errorHandler = (fault: unknown) => faults.push(fault)
  const rudder = client({ errorHandler }, 'shop:wrong')
  rudder.track({ userId: 'u1', event: 'A' })
  await rudder.flush()
  expect(faults).toMatchObject([{ response: { status: 401, data: { code: 'invalid_key' } } }])
  expect(requests.map(({ status }) => status)).toEqual([401])
  expect(await world.records()).toEqual([])
})

test('without gzip it is JSON', async () => {
  const rudder = client({ gzip: false })
  rudder.track({ userId: 'u1', event: 'A' })
  await rudder.flush()
  expect(requests).toMatchObject([{ status: 200, headers: { 'content-type': 'application/json' } }])
  expect(await world.records()).toHaveLength(1)
})

test('its browser client leaves by a beacon, with the key in the address', async () => {
  const response = await fetch(`${world.url}/beacon/v1/batch?writeKey=${encodeURIComponent(writeKey)}`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain;charset=UTF-8', origin: 'https://shop.example' },
    body: JSON.stringify({ batch: [{ type: 'page', anonymousId: 'a1', messageId: 'm1' }] }),
  })
  expect([response.status, await response.json()]).toEqual([
    200,
    { success: true, accepted: 1, rejected: [] },
  ])
})

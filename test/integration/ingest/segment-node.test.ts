import { Analytics } from '@segment/analytics-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProductEventPayload } from '#contracts/event.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import { type ApiWorld, createApiWorld, writeKey } from './api-world.ts'

/** The server client of Segment as it is on npm. */
let world: ApiWorld
let analytics: Analytics
beforeEach(async () => {
  world = await createApiWorld()
  analytics = new Analytics({ writeKey, host: world.url, flushAt: 15, flushInterval: 60_000 })
})
afterEach(async () => {
  await analytics.closeAndFlush()
  await world.close()
})

test('all six calls arrive whole', async () => {
  const before = Date.now()
  analytics.identify({ userId: 'u1', anonymousId: 'a1', traits: { email: 'ann@example.com' } })
  analytics.track({
    userId: 'u1',
    event: 'Product Viewed',
    properties: { price: 79.9 },
    context: { locale: 'de-DE' },
  })
  analytics.page({
    anonymousId: 'a2',
    name: 'Shoes',
    category: 'Shop',
    properties: { url: 'https://shop.example/' },
  })
  analytics.screen({ userId: 'u1', name: 'Basket' })
  analytics.group({ userId: 'u1', groupId: 'g1', traits: { plan: 'pro' } })
  analytics.alias({ userId: 'u2', previousId: 'u1' })
  await analytics.flush()
  const records = await world.records()
  const of = (kind: string) => records.find((record) => record.kind === kind)!
  const payload = (kind: string) => of(kind).payload as ProductEventPayload
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
    context: { locale: 'de-DE', library: { name: '@segment/analytics-node' } },
  })
  expect(payload('page')).toMatchObject({
    name: 'Shoes',
    anonymousId: 'a2',
    properties: { category: 'Shop' },
  })
  expect(payload('screen')).toMatchObject({ name: 'Basket' })
  expect(payload('group')).toMatchObject({ groupId: 'g1', traits: { plan: 'pro' } })
  expect(payload('alias')).toMatchObject({
    previousId: 'u1',
    mergeFrom: [customerIdOf('shop', 'user', 'u1')],
  })
  for (const record of records) {
    expect(record.eventId).toMatch(/^node-next-/)
    expect(record.occurredAt).toBeGreaterThanOrEqual(before - 50)
    expect(record.occurredAt).toBeLessThanOrEqual(Date.now())
  }
})

test('a 429 is sent again after Retry-After, with the same ids, and never gives up the batch', async () => {
  const responses: unknown[] = []
  analytics.on('http_response', (response) => responses.push(response))
  world.refusals.push({ kind: 'full', retryAfterSeconds: 1 })
  const startedAt = performance.now()
  analytics.track({ userId: 'u1', event: 'A' })
  await analytics.flush()
  expect(responses).toMatchObject([{ status: 429, headers: { 'retry-after': '1' } }, { status: 200 }])
  expect(performance.now() - startedAt).toBeGreaterThan(990)
  expect(await world.records()).toMatchObject([{ kind: 'track', payload: { name: 'A' } }])
})

test('a 503 is sent again', async () => {
  const statuses: number[] = []
  analytics.on('http_response', ({ status }) => statuses.push(status))
  world.refusals.push({ kind: 'unavailable', reason: 'the disk is full' })
  analytics.track({ userId: 'u1', event: 'A' })
  await analytics.flush()
  expect(statuses).toEqual([503, 200])
  expect(await world.records()).toHaveLength(1)
})

test('a wrong key is refused for good', async () => {
  const wrong = new Analytics({ writeKey: 'shop:wrong', host: world.url })
  const statuses: number[] = []
  wrong.on('http_response', ({ status }) => statuses.push(status))
  const failed = new Promise((resolve) => wrong.on('error', resolve))
  wrong.track({ userId: 'u1', event: 'A' })
  await wrong.closeAndFlush()
  expect(await failed).toMatchObject({ code: 'delivery_failure' })
  expect(statuses).toEqual([401])
  expect(await world.records()).toEqual([])
})

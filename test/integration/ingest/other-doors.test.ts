import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProductEventPayload } from '#contracts/event.ts'
import { type ApiWorld, createApiWorld, writeKey } from './api-world.ts'

let world: ApiWorld
beforeEach(async () => {
  world = await createApiWorld()
})
afterEach(() => world.close())

const payloads = async () => (await world.records()).map((record) => record.payload as ProductEventPayload)

function post(path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(world.url + path, { method: 'POST', body: body as BodyInit, headers })
}

test('/v1/import takes a batch of history: it triggers nothing', async () => {
  const batch = [
    { type: 'track', event: 'A', userId: 'u1', messageId: 'm1', timestamp: '2020-01-01T00:00:00Z' },
    { type: 'identify', userId: 'u1', messageId: 'm2', anonymousId: 'a1', traits: { plan: 'pro' } },
  ]
  const response = await post('/v1/import', JSON.stringify({ batch, writeKey }))
  expect([response.status, await response.json()]).toEqual([
    200,
    { success: true, accepted: 2, rejected: [] },
  ])
  expect((await payloads()).every(({ imported }) => imported === true)).toBe(true)
  // The link is made all the same, and the record stays well-formed with both.
  expect((await payloads()).find(({ traits }) => traits !== undefined)?.mergeFrom).toHaveLength(1)
})

test('an event cannot call itself imported', async () => {
  const event = { type: 'track', event: 'A', userId: 'u1', imported: true }
  await post('/v1/batch', JSON.stringify({ batch: [event], imported: true, writeKey }))
  expect(await payloads()).toEqual([{ name: 'A', userId: 'u1' }])
})

test('a pixel is counted, sets nothing, joins nothing and triggers nothing; its answer is an image', async () => {
  const event = {
    writeKey,
    userId: 'u1',
    anonymousId: 'a1',
    event: 'Email Opened',
    properties: { subject: 'Sale' },
    traits: { plan: 'x' },
    context: { traits: { plan: 'x' }, locale: 'de' },
  }
  const data = Buffer.from(JSON.stringify(event)).toString('base64')
  const paths = [
    `/v1/pixel/track?data=${encodeURIComponent(data)}`,
    `/v1/pixel/track?data=${data}`,
    `/v1/pixel/track?data=${encodeURIComponent(JSON.stringify(event))}`,
    `/v1/pixel/page?writeKey=${encodeURIComponent(writeKey)}&anonymousId=a1&properties.url=/a&properties.page.id=7`,
  ]
  for (const path of paths) {
    const response = await fetch(world.url + path)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/gif'])
    expect(Buffer.from(await response.arrayBuffer()).toString('latin1', 0, 6)).toBe('GIF89a')
  }
  const opened = {
    name: 'Email Opened',
    userId: 'u1',
    anonymousId: 'a1',
    properties: { subject: 'Sale' },
    context: { locale: 'de' },
    imported: true,
  }
  const all = await payloads()
  expect(all.filter(({ name }) => name !== undefined)).toEqual([opened, opened, opened])
  expect(all.find(({ name }) => name === undefined)).toEqual({
    anonymousId: 'a1',
    properties: { url: '/a', 'page.id': '7' },
    imported: true,
  })
})

test.each([
  ['a wrong key', '/v1/pixel/track?writeKey=wrong&userId=u1&event=A'],
  ['no key', '/v1/pixel/track?userId=u1&event=A'],
  ['no JSON', '/v1/pixel/track?data=nonsense'],
  ['prototypes', `/v1/pixel/track?writeKey=${writeKey}&__proto__.x=1&constructor.prototype=2`],
])('a pixel with %s gets its image too', async (_name, path) => {
  const response = await fetch(world.url + path)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/gif'])
  expect((await world.records()).filter(({ kind }) => kind !== 'rejected')).toEqual([])
  expect(world.errors).toEqual([])
})

test('a GET joins no ids', async () => {
  for (const kind of ['identify', 'alias', 'group']) {
    const path = `/v1/pixel/${kind}?writeKey=${encodeURIComponent(writeKey)}&userId=u1&previousId=u2&groupId=g`
    expect((await fetch(world.url + path)).status).toBe(404)
  }
})

test('a client asks where its events go, and a wrong key has no source', async () => {
  const headers = { origin: 'https://shop.example' }
  const settings = await fetch(`${world.url}/v1/projects/${encodeURIComponent(writeKey)}/settings`, {
    headers,
  })
  expect(settings.headers.get('access-control-allow-origin')).toBe('*')
  expect(await settings.json()).toMatchObject({
    integrations: { 'Segment.io': { apiKey: writeKey, apiHost: '127.0.0.1:8420/v1', protocol: 'http' } },
  })
  expect((await fetch(`${world.url}/v1/projects/wrong/settings`)).status).toBe(404)
})

test.each(['/e', '/e/?compression=gzip-js&ip=1', '/i/v0/e/', '/capture/', '/batch/', '/track/'])(
  'POST %s takes what browsers with PostHog send',
  async (path) => {
    const events = [
      {
        uuid: 'e1',
        event: '$pageview',
        properties: { token: writeKey, distinct_id: 'd1', $current_url: 'https://shop.example/' },
        offset: 3000,
      },
    ]
    const response = await post(path, gzipSync(JSON.stringify(events)), {
      'content-type': 'text/plain',
      origin: 'https://shop.example',
    })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect([response.status, await response.json()]).toEqual([
      200,
      { status: 1, success: true, accepted: 1, rejected: [] },
    ])
    expect(await world.records()).toMatchObject([{ kind: 'page', eventId: 'e1', payload: { userId: 'd1' } }])
  },
)

test.each([
  ['/batch/', '{"api_key":"wrong","batch":[]}', 401, 'invalid_key'],
  ['/batch/', '{"batch":[]}', 401, 'invalid_key'],
  ['/batch/', `{"api_key":"${writeKey}","batch":{}}`, 400, 'invalid_request'],
  ['/batch/', '5', 400, 'invalid_request'],
  ['/batch/', '{', 400, 'invalid_json'],
  ['/batch/', 'data=%%%', 400, 'invalid_json'],
  ['/flags/?v=2', '{"token":"wrong"}', 401, 'invalid_key'],
  ['/flags/', 'null', 401, 'invalid_key'],
  ['/decide/?v=3', '', 400, 'invalid_json'],
])('POST %s with %s is %d %s', async (path, body, status, code) => {
  const response = await post(path, body)
  expect([response.status, await response.json()]).toMatchObject([
    status,
    { code, message: expect.any(String) },
  ])
  expect(world.errors).toEqual([])
})

test('a bomb inside a form or a body without a header ends at the limit', async () => {
  const bomb = gzipSync(Buffer.alloc(17 * 1024 * 1024, ' '))
  const response = await post('/e/', bomb)
  expect([response.status, await response.json()]).toMatchObject([413, { code: 'body_too_large' }])
})

import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ApiWorld, createApiWorld, writeKey } from './api-world.ts'

let world: ApiWorld
beforeEach(async () => {
  world = await createApiWorld()
})
afterEach(() => world.close())

const event = { type: 'track', event: 'A', userId: 'u1', messageId: 'm1' }
const basic = (key: string): string => `Basic ${Buffer.from(key).toString('base64')}`

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  return fetch(world.url + path, { method: 'POST', body: bytes as BodyInit, headers })
}

test('the write key may stand in Basic, in X-Write-Key or in the body; the header wins', async () => {
  const batch = [event]
  const statusOf = async (body: object, headers: Record<string, string>) =>
    (await post('/v1/batch', body, headers)).status
  expect(await statusOf({ batch }, { authorization: basic(`${writeKey}:`) })).toBe(200)
  expect(await statusOf({ batch }, { authorization: basic(writeKey) })).toBe(200)
  expect(await statusOf({ batch }, { 'x-write-key': writeKey })).toBe(200)
  expect(await statusOf({ batch, writeKey }, {})).toBe(200)
  expect(await statusOf({ batch, api_key: writeKey }, {})).toBe(200)
  expect(await statusOf({ batch, writeKey: 'wrong' }, { authorization: basic(`${writeKey}:`) })).toBe(200)
  expect(await statusOf({ batch, writeKey }, { authorization: basic('wrong:') })).toBe(401)
  expect(await statusOf({ batch, writeKey: 'wrong' }, {})).toBe(401)
  expect(await statusOf({ batch }, {})).toBe(401)
  expect(await statusOf({ batch }, { 'x-write-key': 'shop:admin-secret' })).toBe(401)
})

test('a fault is problem+json with code and message beside its members', async () => {
  const response = await post('/v1/batch', { batch: [] }, { 'x-write-key': 'wrong' })
  expect(response.headers.get('content-type')).toContain('application/problem+json')
  expect(await response.json()).toEqual({
    type: 'docs/errors.md#invalid_key',
    title: 'The key is missing, unknown or of the wrong kind',
    status: 401,
    detail: 'the write key is missing or unknown',
    code: 'invalid_key',
    message: 'the write key is missing or unknown',
  })
})

test('success is 200 with a body, also when nothing or only part was taken', async () => {
  const key = { 'x-write-key': writeKey }
  const empty = await post('/v1/batch', { batch: [] }, key)
  expect([empty.status, await empty.json()]).toEqual([200, { success: true, accepted: 0, rejected: [] }])
  const partly = await post('/v1/batch', { batch: [event, { type: 'track' }] }, key)
  expect([partly.status, await partly.json()]).toEqual([
    200,
    {
      success: true,
      accepted: 1,
      rejected: [{ index: 1, code: 'missing_field', field: 'userId', detail: 'track needs userId' }],
    },
  ])
})

test.each(['/v1/batch', '/v1/b', '/v1/batch/'])('%s takes a batch', async (path) => {
  expect((await post(path, { batch: [event], writeKey })).status).toBe(200)
  expect(await world.records()).toMatchObject([{ kind: 'track' }])
})

test.each([
  ['track', 't'],
  ['identify', 'i'],
  ['page', 'p'],
  ['screen', 's'],
  ['group', 'g'],
  ['alias', 'a'],
])('/v1/%s and /v1/%s take one event, whose type the path says', async (kind, letter) => {
  for (const path of [`/v1/${kind}`, `/v1/${letter}`]) {
    const body = { writeKey, userId: 'u1', previousId: 'u0', groupId: 'g1', event: 'A' }
    expect(await (await post(path, body)).json()).toEqual({ success: true, accepted: 1, rejected: [] })
  }
  expect((await world.records()).map((record) => record.kind)).toEqual([kind, kind])
})

test.each([
  ['text/plain', {}],
  ['application/json; charset=utf-8', {}],
  ['application/x-www-form-urlencoded', { 'content-encoding': 'gzip' }],
  ['nonsense', {}],
])('the content type %s plays no part', async (contentType, encoding: Record<string, string>) => {
  const json = Buffer.from(JSON.stringify({ batch: [event], writeKey }))
  const body = encoding['content-encoding'] === 'gzip' ? gzipSync(json) : json
  expect((await post('/v1/batch', body, { 'content-type': contentType, ...encoding })).status).toBe(200)
})

test('a request of 4,000,000 bytes is taken, a larger one is 413, and so is one that unpacks to too much', async () => {
  const events = Array.from({ length: 8000 }, (_, i) => ({
    ...event,
    messageId: `m${i}`,
    properties: { x: 'x'.repeat(415) },
  }))
  const large = JSON.stringify({ batch: events, writeKey })
  expect(large.length).toBeGreaterThan(3_900_000)
  expect(await (await post('/v1/batch', large)).json()).toMatchObject({ accepted: 8000 })
  const key = { 'x-write-key': writeKey }
  const tooLarge = await post('/v1/batch', Buffer.alloc(4 * 1024 * 1024 + 1, ' '), key)
  expect([tooLarge.status, await tooLarge.json()]).toMatchObject([413, { code: 'body_too_large' }])
  const bomb = await post('/v1/batch', gzipSync(Buffer.alloc(17 * 1024 * 1024, ' ')), {
    ...key,
    'content-encoding': 'gzip',
  })
  expect([bomb.status, await bomb.json()]).toMatchObject([413, { code: 'body_too_large' }])
})

test.each([
  ['{"batch":', {}, 400, 'invalid_json'],
  ['', {}, 400, 'invalid_json'],
  ['{}', {}, 400, 'invalid_request'],
  ['{}', { 'content-encoding': 'zstd' }, 415, 'unsupported_encoding'],
  ['{}', { 'content-encoding': 'gzip' }, 400, 'invalid_json'],
])('%j with %j is %d %s', async (body, headers: Record<string, string>, status, code) => {
  const response = await post('/v1/batch', body, { 'x-write-key': writeKey, ...headers })
  expect([response.status, await response.json()]).toMatchObject([status, { code, status }])
})

test('a log that is full is 429 with whole seconds, one that cannot write is 503', async () => {
  world.refusals.push(
    { kind: 'full', retryAfterSeconds: 4.2 },
    { kind: 'unavailable', reason: 'the disk is full' },
  )
  const full = await post('/v1/batch', { batch: [event], writeKey }, { origin: 'https://shop.example' })
  expect([full.status, full.headers.get('retry-after')]).toEqual([429, '5'])
  expect(full.headers.get('access-control-expose-headers')).toBe('Retry-After')
  const broken = await post('/v1/batch', { batch: [event], writeKey })
  expect([broken.status, await broken.json()]).toMatchObject([
    503,
    { code: 'unavailable', detail: 'the disk is full' },
  ])
})

test('a preflight lets every header through that the page asks for', async () => {
  const response = await fetch(`${world.url}/v1/t`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://shop.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,x-retry-count',
    },
  })
  expect(response.status).toBe(204)
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  expect(response.headers.get('access-control-allow-headers')).toBe('authorization,x-retry-count')
})

test('what is not there is 404, another method is 405 with Allow, both problem+json', async () => {
  const missing = await fetch(`${world.url}/nothing`)
  expect([missing.status, await missing.json()]).toMatchObject([404, { code: 'not_found' }])
  const wrongMethod = await fetch(`${world.url}/v1/batch`)
  expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, 'OPTIONS, POST'])
  expect(await wrongMethod.json()).toMatchObject({ code: 'method_not_allowed' })
  const bad = await fetch(`${world.url}/%zz`)
  expect([bad.status, await bad.json()]).toMatchObject([400, { code: 'invalid_request' }])
})

test('what is no HTTP gets a problem too', async () => {
  const socket = connect({ port: world.port, host: '127.0.0.1' })
  socket.write('HELLO\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += chunk
  expect(text).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json.*"code":"invalid_request"/s)
})

test('healthz answers always, readyz and ingest only when the server is ready', async () => {
  const statusOf = async (path: string) => (await fetch(world.url + path)).status
  expect([await statusOf('/healthz'), await statusOf('/readyz')]).toEqual([200, 200])
  world.state.notReady = 'the store is being migrated'
  expect([await statusOf('/healthz'), await statusOf('/readyz')]).toEqual([200, 503])
  const refused = await post('/v1/batch', { batch: [event], writeKey })
  expect([refused.status, await refused.json()]).toMatchObject([
    503,
    { detail: 'the store is being migrated' },
  ])
})

test('closing answers what is under way, and refuses what comes after on an open connection', async () => {
  const socket = connect({ port: world.port, host: '127.0.0.1' })
  const body = JSON.stringify({ batch: [event], writeKey })
  const head = `POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`
  const answers: string[] = []
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      answers.push(chunk.toString())
      resolve()
    })
  })
  // The first half of a request is under way when the server begins to close.
  const arrived = new Promise<void>((resolve) => world.app.server.once('request', () => resolve()))
  socket.write(head + body.slice(0, 10))
  await arrived
  const closing = world.app.close()
  socket.write(body.slice(10))
  await answered
  await Promise.all([closing, ended])
  expect(answers.join('')).toMatch(/^HTTP\/1\.1 200 /)
  expect(await world.records()).toHaveLength(1)
})

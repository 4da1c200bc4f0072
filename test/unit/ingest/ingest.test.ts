import { afterEach, beforeEach, expect, test } from 'vitest'
import { customerIdOf } from '#platform/ids/ids.ts'
import { createIngest } from '../../../src/ingest/ingest.ts'
import { DEFAULT_INGEST_LIMITS } from '../../../src/ingest/ingest-limits.ts'
import { type ParsedRequest, parseRequest } from '../../../src/ingest/parse-request.ts'
import {
  createIdentityTable,
  createIngestWorld,
  type IngestWorld,
  product,
  receivedAt,
  refused,
} from './support/ingest-world.ts'

let world: IngestWorld
beforeEach(() => {
  world = createIngestWorld()
})
afterEach(() => world.close())

const track = (over: object = {}) => ({
  type: 'track',
  event: 'Signed Up',
  userId: 'u1',
  messageId: 'm1',
  ...over,
})

test('a record has the whole envelope and every field of the event that counts', async () => {
  const context = { locale: 'de-DE' }
  const answer = await world.send({
    sentAt: '2024-01-02T11:59:59Z',
    batch: [
      track({ timestamp: '2024-01-02T11:59:49Z', properties: { price: 9.5 }, context, anonymousId: 'a1' }),
    ],
  })
  expect(answer).toEqual({ kind: 'accepted', accepted: 1, rejected: [] })
  expect(await world.records()).toEqual([
    {
      v: 1,
      workspace: 'shop',
      eventId: 'm1',
      customerId: customerIdOf('shop', 'user', 'u1'),
      kind: 'track',
      occurredAt: receivedAt - 10_000,
      receivedAt,
      payload: { name: 'Signed Up', properties: { price: 9.5 }, context, userId: 'u1', anonymousId: 'a1' },
    },
  ])
})

test('only identify with both ids and alias link, before anyone is looked up', async () => {
  await world.send({
    batch: [
      track({ messageId: '1', userId: null, anonymousId: 'a1' }),
      track({ messageId: '2', userId: 'u1', anonymousId: 'a9' }),
      { type: 'identify', messageId: '3', userId: 'u1', anonymousId: 'a1', traits: { plan: 'pro' } },
      { type: 'alias', messageId: '4', userId: 'u2', previousId: 'u1' },
      { type: 'identify', messageId: '5', userId: 'u3' },
    ],
  })
  expect(world.identities.calls).toEqual(['link a1 u1', 'alias u1 u2'])
  const byId = new Map((await world.records()).map((record) => [record.eventId, record]))
  const customer = (id: string) => byId.get(id)?.customerId
  expect(customer('1')).toBe(customerIdOf('shop', 'user', 'u1'))
  expect(customer('2')).toBe(customerIdOf('shop', 'user', 'u2'))
  expect(product(byId.get('3')).mergeFrom).toEqual([customerIdOf('shop', 'anonymous', 'a1')])
  expect(product(byId.get('4'))).toMatchObject({
    previousId: 'u1',
    mergeFrom: [customerIdOf('shop', 'user', 'u1')],
  })
  expect(product(byId.get('5')).mergeFrom).toBeUndefined()
})

test('a bad event is named in the answer and kept, the others go on', async () => {
  const bad = track({ event: 7, messageId: 'm2' })
  const answer = await world.send({ batch: [track(), bad, track({ messageId: 'm3' })] })
  expect(answer).toEqual({
    kind: 'accepted',
    accepted: 2,
    rejected: [{ index: 1, code: 'wrong_type', field: 'event', detail: 'must be a string' }],
  })
  const kept = (await world.records()).find((record) => record.kind === 'rejected')
  expect(kept).toMatchObject({ customerId: '', workspace: 'shop', occurredAt: receivedAt })
  expect(refused(kept)).toEqual({
    code: 'wrong_type',
    field: 'event',
    detail: 'must be a string',
    body: JSON.stringify(bad),
  })
})

test('a refused event that comes again has the same id, so it is kept once', async () => {
  await world.send({ batch: [{ type: 'nonsense' }] })
  await world.send({ batch: [{ type: 'nonsense' }] }, 'batch', receivedAt + 5000)
  const ids = (await world.records()).map((record) => record.eventId)
  expect(ids).toHaveLength(2)
  expect(new Set(ids).size).toBe(1)
})

test('a single event that is refused can be replayed without its path', async () => {
  await world.send({ userId: 'u1' }, 'track')
  expect(JSON.parse(refused((await world.records())[0]).body)).toEqual({ type: 'track', userId: 'u1' })
})

test('a refused event is kept up to 64 kB, never with half a character', async () => {
  await world.send({ batch: [track({ properties: { long: 'é'.repeat(100_000) } })] })
  const { code, body } = refused((await world.records())[0])
  expect(code).toBe('too_long')
  expect(Buffer.byteLength(body)).toBeGreaterThan(65_000)
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(65_536)
  expect(body).not.toContain('\ufffd')
})

test('context stands once for the batch; an event’s own wins', async () => {
  await world.send({
    context: { locale: 'de-DE', app: 'shop' },
    batch: [track({ messageId: '1' }), track({ messageId: '2', context: { locale: 'fr-FR' } })],
  })
  const contexts = (await world.records()).map((record) => product(record).context)
  expect(contexts).toEqual([
    { locale: 'de-DE', app: 'shop' },
    { locale: 'fr-FR', app: 'shop' },
  ])
})

test('a context of the batch that breaks a limit refuses each event by name', async () => {
  const answer = await world.send({
    context: JSON.parse('{"__proto__":{"a":1}}'),
    batch: [track(), track({ messageId: 'm2' })],
  })
  expect(answer).toMatchObject({ kind: 'accepted', accepted: 0 })
  expect((await world.records()).map((record) => refused(record).code)).toEqual([
    'forbidden_key',
    'forbidden_key',
  ])
})

test.each([
  ['number ids', { userId: 42, messageId: 7 }, { userId: '42' }, '7'],
  ['null and empty ids', { userId: '', anonymousId: 'a1', groupId: null }, { anonymousId: 'a1' }, 'm1'],
])('%s', async (_name, over, payload, eventId) => {
  await world.send({ batch: [track(over)] })
  const [record] = await world.records()
  expect(record).toMatchObject({ eventId })
  expect(product(record)).toEqual({ name: 'Signed Up', ...payload })
})

test('a page keeps its category', async () => {
  await world.send({ userId: 'u1', name: 'Shoes', category: 'Shop', properties: { url: '/' } }, 'page')
  expect(product((await world.records())[0])).toEqual({
    name: 'Shoes',
    properties: { category: 'Shop', url: '/' },
    userId: 'u1',
  })
})

test('without a messageId: a time of its own makes a retry the same event, no time makes it another', async () => {
  const timed = { type: 'track', event: 'Bought', userId: 'u1', timestamp: '2024-01-02T11:00:00Z' }
  const untimed = { type: 'track', event: 'Bought', userId: 'u2' }
  await world.send({ batch: [timed, timed, untimed, untimed] })
  await world.send({ batch: [timed, timed, untimed, untimed] }, 'batch', receivedAt + 1000)
  const ids = (await world.records()).map((record) => [product(record).userId, record.eventId] as const)
  const distinct = (userId: string) => new Set(ids.filter(([of]) => of === userId).map(([, id]) => id)).size
  expect(distinct('u1')).toBe(2)
  expect(distinct('u2')).toBe(4)
})

test('an empty batch is a success', async () => {
  expect(await world.send({ batch: [] })).toEqual({ kind: 'accepted', accepted: 0, rejected: [] })
})

test.each([
  ['{"batch":', 'invalid_json'],
  ['', 'invalid_json'],
  ['"batch"', 'invalid_request'],
  ['{"batch":{}}', 'invalid_request'],
  [`{"batch":[${'1,'.repeat(20_000)}1]}`, 'body_too_large'],
])('%.40s is refused as a whole', async (body, code) => {
  expect(await world.send(body)).toMatchObject({ kind: 'fault', fault: { code } })
  expect(await world.records()).toEqual([])
})

test.each([
  [
    { kind: 'full', retryAfterSeconds: 0.2 },
    { code: 'overloaded', retryAfterSeconds: 1 },
  ],
  [
    { kind: 'unavailable', reason: 'the disk is full' },
    { code: 'unavailable', detail: 'the disk is full' },
  ],
] as const)('a log that is %j', async (result, fault) => {
  const ingest = createIngest({ log: { append: async () => result }, identities: createIdentityTable() })
  const request = parseRequest(
    Buffer.from(JSON.stringify({ batch: [track()] })),
    'batch',
    DEFAULT_INGEST_LIMITS,
  )
  expect(await ingest.ingest('shop', request as ParsedRequest, receivedAt)).toMatchObject({
    kind: 'fault',
    fault,
  })
})

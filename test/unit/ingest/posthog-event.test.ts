import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventErrors } from '#contracts/errors.ts'
import type { LogRecord } from '#contracts/event.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import { DEFAULT_INGEST_LIMITS } from '../../../src/ingest/ingest-limits.ts'
import { readKept } from '../../../src/ingest/kept-event.ts'
import { parsePostHog } from '../../../src/ingest/parse-posthog.ts'
import { createIngestWorld, type IngestWorld, product, receivedAt, refused } from './support/ingest-world.ts'

let world: IngestWorld
beforeEach(() => {
  world = createIngestWorld()
})
afterEach(() => world.close())

/** One event through the door; its record. */
async function taken(event: object, envelope: object = {}): Promise<LogRecord> {
  const answer = await world.send({ api_key: 'k', batch: [event], ...envelope }, 'posthog')
  expect(answer).toMatchObject({ kind: 'accepted', rejected: [] })
  const record = (await world.records()).at(-1)
  return record as LogRecord
}

test('an event is a track under its own name, of its distinct id, without the write key', async () => {
  const record = await taken({
    uuid: 'e1',
    event: 'Product Viewed',
    distinct_id: 'u1',
    properties: {
      token: 'k',
      distinct_id: 'u1',
      price: 5,
      $lib: 'web',
      $timezone: 'Asia/Kolkata',
      $ip: '::1',
    },
  })
  expect(record).toMatchObject({
    eventId: 'e1',
    kind: 'track',
    customerId: customerIdOf('shop', 'user', 'u1'),
    occurredAt: receivedAt,
  })
  expect(record.payload).toEqual({
    name: 'Product Viewed',
    userId: 'u1',
    properties: { price: 5, $lib: 'web', $timezone: 'Asia/Kolkata', $ip: '::1' },
    context: { library: { name: 'web' }, timezone: 'Asia/Kolkata', ip: '::1' },
  })
})

test('$set and $set_once stand beside the properties, among them, or in both places', async () => {
  const event = {
    event: 'A',
    distinct_id: 'u1',
    $set: { a: 1, b: 1 },
    $set_once: { x: 1 },
    properties: { $set: { b: 2, c: 2 }, $set_once: { y: 2 } },
  }
  const { context, properties } = product(await taken(event))
  expect(context).toEqual({ traits: { a: 1, b: 2, c: 2 }, traitsOnce: { x: 1, y: 2 } })
  expect(properties).toBeUndefined()
  const identify = product(await taken({ ...event, event: '$identify' }))
  expect(identify.traits).toEqual({ a: 1, b: 2, c: 2 })
  expect(identify.context).toEqual({ traitsOnce: { x: 1, y: 2 } })
  expect(
    product(await taken({ event: '$set', distinct_id: 'u1', properties: { $unset: ['a'] } })).traits,
  ).toEqual({
    a: null,
  })
})

test('only $identify and $create_alias join, and never by an id that stands for nobody', async () => {
  await taken({ event: 'A', distinct_id: 'u1', properties: { $anon_distinct_id: 'a1', alias: 'a1' } })
  await taken({ event: '$set', distinct_id: 'u1', properties: { $anon_distinct_id: 'a1' } })
  await taken({ event: '$identify', distinct_id: 'u1', properties: { $anon_distinct_id: 'undefined' } })
  await taken({ event: '$identify', distinct_id: 'NULL', properties: { $anon_distinct_id: 'a1' } })
  expect(world.identities.calls).toEqual([])
  await taken({ event: '$identify', distinct_id: 'u1', properties: { $anon_distinct_id: 'a1' } })
  await taken({ event: '$create_alias', distinct_id: 'u1', properties: { distinct_id: 'u1', alias: 'u2' } })
  expect(world.identities.calls).toEqual(['link a1 u1', 'alias u2 u1'])
  const answer = await world.send(
    { event: '$create_alias', distinct_id: 'u1', properties: { alias: 'null' } },
    'posthog',
  )
  expect(answer).toMatchObject({ rejected: [{ code: 'missing_field', field: 'properties.alias' }] })
})

test('times are corrected by sent_at; an age counts from the receipt', async () => {
  const iso = (ms: number) => new Date(receivedAt + ms).toISOString()
  const late = { event: 'A', distinct_id: 'u1', timestamp: iso(-90_000) }
  // A clock one minute slow: the event lay half a minute back when it was sent.
  expect((await taken(late, { sent_at: iso(-60_000) })).occurredAt).toBe(receivedAt - 30_000)
  expect(
    (await taken({ event: 'B', distinct_id: 'u1', offset: 5000 }, { sent_at: iso(-60_000) })).occurredAt,
  ).toBe(receivedAt - 5000)
})

test.each([
  ['an array whose events carry the key', [{ event: 'A', properties: { token: 'k', distinct_id: 'u1' } }]],
  ['one event with its key', { api_key: 'k', event: 'A', distinct_id: 'u1' }],
  ['one event with a token', { token: 'k', event: 'A', distinct_id: 'u1' }],
  ['a batch', { api_key: 'k', batch: [{ event: 'A', distinct_id: 'u1' }] }],
])('%s, as JSON, gzip, base64 in a form, and plain in a form', async (_name, body) => {
  const json = JSON.stringify(body)
  const forms = [
    Buffer.from(json),
    gzipSync(json),
    Buffer.from(`data=${encodeURIComponent(Buffer.from(json).toString('base64'))}`),
    Buffer.from(`data=${Buffer.from(json).toString('base64')}`),
    Buffer.from(`data=${encodeURIComponent(json)}&compression=base64`),
  ]
  for (const form of forms) {
    const parsed = await parsePostHog(form, DEFAULT_INGEST_LIMITS)
    if (!('events' in parsed)) throw new Error(parsed.detail)
    expect([parsed.writeKey, parsed.events.length]).toEqual(['k', 1])
    expect(await world.ingest.ingest('shop', parsed, receivedAt)).toMatchObject({ accepted: 1 })
  }
})

test.each([
  [{}, 'missing_field', 'event'],
  [{ event: 5, distinct_id: 'u1' }, 'wrong_type', 'event'],
  [{ event: 'A' }, 'missing_field', 'distinct_id'],
  [{ event: 'A', distinct_id: '' }, 'missing_field', 'distinct_id'],
  [{ event: 'A', distinct_id: {} }, 'wrong_type', 'distinct_id'],
  [{ event: 'A', distinct_id: 'x'.repeat(257) }, 'too_long', 'distinct_id'],
  [{ event: 'A', distinct_id: 'u1', properties: [] }, 'wrong_type', 'properties'],
  [{ event: 'A', distinct_id: 'u1', properties: { $set: 'x' } }, 'wrong_type', '$set'],
  [{ event: 'A', distinct_id: 'u1', uuid: {} }, 'wrong_type', 'uuid'],
  [{ event: 'A', distinct_id: 'u1', timestamp: 'yesterday' }, 'bad_timestamp', 'timestamp'],
  [{ event: '$groupidentify', distinct_id: 'u1', properties: {} }, 'missing_field', 'properties.$group_key'],
  [
    JSON.parse('{"event":"A","distinct_id":"u1","properties":{"__proto__":1}}'),
    'forbidden_key',
    'properties.__proto__',
  ],
  ['text', 'not_an_object', ''],
])('%j is refused as %s of %j, kept, and taken when corrected', async (event, code, field) => {
  const answer = await world.send(
    { api_key: 'k', batch: [event, { event: 'B', distinct_id: 'u2' }] },
    'posthog',
  )
  expect(answer).toMatchObject({ kind: 'accepted', accepted: 1, rejected: [{ index: 0, code, field }] })
  const kept = (await world.records()).find((record) => record.kind === 'rejected')
  expect(refused(kept).body).toBe(JSON.stringify(event))
  const corrected = { ...(typeof event === 'object' ? event : {}), event: 'A', distinct_id: 'u1', uuid: 'e1' }
  const again = await readKept(
    JSON.stringify({ ...corrected, properties: {}, timestamp: undefined }),
    receivedAt,
    DEFAULT_INGEST_LIMITS,
  )
  expect(again).toMatchObject({ request: { shape: 'posthog' }, fault: null })
})

test('what is refused of an array keeps its own text', async () => {
  await world.send('[ {"event":"A","distinct_id":"u1"}, {"distinct_id" :"u2"} ]', 'posthog')
  const kept = (await world.records()).find((record) => record.kind === 'rejected')
  expect(refused(kept).body).toBe('{"distinct_id" :"u2"}')
})

const key = fc
  .string({ minLength: 1, maxLength: 12 })
  .filter(
    (own) =>
      !['__proto__', 'constructor', 'prototype', 'token', 'distinct_id'].includes(own) && !own.includes('\0'),
  )
  .filter((own) => !own.startsWith('$'))
const scalar = fc.oneof(
  fc.string({ maxLength: 20 }).map((own) => own.replaceAll('\0', '')),
  fc.integer(),
  fc.boolean(),
)
const object = fc.dictionary(key, scalar, { maxKeys: 6 })
const id = fc.uuid()
const event = fc.record(
  {
    event: fc.oneof(
      fc.constantFrom('$identify', '$set', '$pageview', '$screen', '$autocapture', 'Order Completed'),
      fc.string({ minLength: 1, maxLength: 40 }).map((own) => `e${own.replaceAll('\0', '')}`),
    ),
    // 0 stands for nobody: what it may not do has its own test.
    distinct_id: fc.oneof(id, fc.integer({ min: 1 })),
    uuid: id,
    properties: fc
      .tuple(
        object,
        fc.record({ $set: object, $set_once: object, $anon_distinct_id: id }, { requiredKeys: [] }),
      )
      .map(([own, theirs]) => ({ ...own, ...theirs })),
    timestamp: fc.integer({ min: 0, max: receivedAt }).map((ms) => new Date(ms).toISOString()),
    $set: object,
  },
  { requiredKeys: ['event', 'distinct_id', 'uuid'] },
)

test('whatever a client of theirs sends arrives whole: its properties, traits and ids', async () => {
  await fc.assert(
    fc.asyncProperty(event, async (sent) => {
      const own = createIngestWorld()
      try {
        expect(await own.send({ api_key: 'k', batch: [sent] }, 'posthog')).toEqual({
          kind: 'accepted',
          accepted: 1,
          rejected: [],
        })
        const [record] = await own.records()
        const { properties = {}, traits = {}, context = {}, userId } = product(record)
        expect([record?.eventId, userId]).toEqual([sent.uuid, String(sent.distinct_id)])
        const { $set, $set_once, $anon_distinct_id, ...others } = (sent.properties ?? {}) as Record<
          string,
          unknown
        >
        expect(properties).toMatchObject(jsonOf(others))
        expect({ ...traits, ...(context.traits as object) }).toEqual(
          jsonOf({ ...sent.$set, ...($set as object) }),
        )
        expect(context.traitsOnce ?? {}).toEqual(jsonOf($set_once ?? {}))
        const joins = sent.event === '$identify' && $anon_distinct_id !== undefined
        expect(own.identities.calls).toHaveLength(joins ? 1 : 0)
      } finally {
        await own.close()
      }
    }),
    { numRuns: 150 },
  )
})

test('whatever is sent, each event is either accepted or kept with a code of the table', async () => {
  const anything = fc.oneof(
    fc.jsonValue(),
    event.chain((good) =>
      fc
        .tuple(fc.constantFrom(...Object.keys(good), 'offset', 'event'), fc.jsonValue())
        .map(([field, value]) => ({ ...good, [field]: value })),
    ),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { maxLength: 5 }), async (batch) => {
      const own = createIngestWorld()
      try {
        const answer = await own.send({ api_key: 'k', batch }, 'posthog')
        if (answer.kind !== 'accepted') throw new Error(answer.fault.detail)
        expect(answer.accepted + answer.rejected.length).toBe(batch.length)
        for (const { code } of answer.rejected) expect(eventErrors).toHaveProperty(code)
        const kept = (await own.records()).filter((record) => record.kind === 'rejected')
        expect(kept).toHaveLength(answer.rejected.length)
      } finally {
        await own.close()
      }
    }),
    { numRuns: 150 },
  )
})

function jsonOf(value: unknown): never {
  return JSON.parse(JSON.stringify(value)) as never
}

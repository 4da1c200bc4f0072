import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventErrors } from '#contracts/errors.ts'
import { createIngestWorld, type IngestWorld, refused } from './support/ingest-world.ts'

let world: IngestWorld
beforeEach(() => {
  world = createIngestWorld()
})
afterEach(() => world.close())

const inTrack = (properties: string): string =>
  `{"type":"track","event":"x","userId":"u","properties":${properties}}`
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

/** Each as one event between two good ones, which must not suffer. */
test.each([
  ['17 levels', inTrack(nested(16)), 'too_deep'],
  ['9,000 levels', inTrack(nested(9_000)), 'too_deep'],
  ['arrays in arrays', inTrack(`{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`), 'too_deep'],
  ['1,001 keys', inTrack(`{${Array.from({ length: 1001 }, (_, i) => `"k${i}":1`)}}`), 'too_many_keys'],
  ['300,000 keys', inTrack(`{${Array.from({ length: 300_000 }, (_, i) => `"k${i}":1`)}}`), 'too_many_keys'],
  ['a million elements', inTrack(`{"a":[${'1,'.repeat(1e6)}1]}`), 'too_large'],
  ['a string of a megabyte', inTrack(`{"a":"${'x'.repeat(1e6)}"}`), 'too_long'],
  [
    'many long strings',
    inTrack(`{${Array.from({ length: 9 }, (_, i) => `"k${i}":"${'x'.repeat(8000)}"`)}}`),
    'too_large',
  ],
  ['few characters, many bytes', inTrack(`{"a":["${'€'.repeat(6000)}","${'€'.repeat(6000)}"]}`), 'too_large'],
  ['a long key', inTrack(`{"${'k'.repeat(257)}":1}`), 'too_long'],
  ['__proto__', inTrack('{"__proto__":{"admin":true}}'), 'forbidden_key'],
  ['__proto__ written with escapes', inTrack('{"\\u005f_proto__":{"admin":true}}'), 'forbidden_key'],
  ['constructor, deep', inTrack('{"a":[{"constructor":{"prototype":{"admin":true}}}]}'), 'forbidden_key'],
  ['prototype', inTrack('{"prototype":1}'), 'forbidden_key'],
  [
    '__proto__ beside the type',
    '{"type":"track","event":"x","userId":"u","__proto__":{"userId":"x"}}',
    'forbidden_key',
  ],
  ['no object', '[]', 'not_an_object'],
  ['null', 'null', 'not_an_object'],
  ['a type from the prototype', '{"type":"toString","userId":"u"}', 'unknown_type'],
  ['an object as type', '{"type":{"a":1},"userId":"u"}', 'unknown_type'],
  ['an object as id', '{"type":"track","event":"x","userId":{"a":1}}', 'wrong_type'],
  ['no id', '{"type":"track","event":"x"}', 'missing_field'],
  ['a name without end', `{"type":"track","event":"${'x'.repeat(300)}","userId":"u"}`, 'too_long'],
  ['an array as properties', '{"type":"track","event":"x","userId":"u","properties":[1]}', 'wrong_type'],
  ['alias without previousId', '{"type":"alias","userId":"u"}', 'missing_field'],
  ['group without groupId', '{"type":"group","userId":"u"}', 'missing_field'],
])('%s', async (_name, event, code) => {
  const good = inTrack('{}')
  const answer = await world.send(`{"batch":[${good},${event},${good}]}`)
  expect(answer).toMatchObject({ kind: 'accepted', accepted: 2, rejected: [{ index: 1, code }] })
  const kept = (await world.records()).filter((record) => record.kind === 'rejected')
  expect(kept.map((record) => refused(record).code)).toEqual([code])
  expect(eventErrors).toHaveProperty(code)
  expect(event.startsWith(refused(kept[0]).body)).toBe(true)
  expect(Object.prototype).not.toHaveProperty('admin')
})

test('a body of a hundred thousand levels is no JSON we take', async () => {
  expect(await world.send(`{"batch":[${nested(100_000)}]}`)).toMatchObject({
    fault: { code: 'invalid_json' },
  })
  expect(await world.send('['.repeat(4_000_000))).toMatchObject({ fault: { code: 'invalid_json' } })
})

test('invalid UTF-8, NUL and lone surrogates become U+FFFD, which every store takes', async () => {
  const body = Buffer.concat([
    Buffer.from('{"batch":[{"type":"track","event":"a\\u0000b","userId":"\\ud800","properties":{"x":"'),
    Buffer.from([0xff, 0xc3]),
    Buffer.from('","\\udc00":1}}]}'),
  ])
  const { parseRequest } = await import('../../../src/ingest/parse-request.ts')
  const parsed = parseRequest(body, 'batch', world.ingest.limits)
  if (!('events' in parsed)) throw new Error(parsed.detail)
  expect(await world.ingest.ingest('shop', parsed, 0)).toMatchObject({ accepted: 1, rejected: [] })
  expect((await world.records())[0]?.payload).toEqual({
    name: 'a\ufffdb',
    userId: '\ufffd',
    properties: { x: '\ufffd\ufffd', '\ufffd': 1 },
  })
})

test('of a key that stands twice the last counts, in the record too', async () => {
  await world.send('{"batch":[{"type":"page","type":"track","event":"a","event":"b","userId":"u"}]}')
  expect((await world.records())[0]).toMatchObject({ kind: 'track', payload: { name: 'b' } })
})

test('line breaks and a byte order mark change nothing', async () => {
  await world.send(`\ufeff{\n"batch": [\r\n${inTrack('{"a":"line\\nbreak"}')}\n]}\n`)
  expect((await world.records())[0]?.payload).toMatchObject({ properties: { a: 'line\nbreak' } })
})

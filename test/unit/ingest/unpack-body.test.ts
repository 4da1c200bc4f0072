import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { unpackBody } from '../../../src/ingest/unpack-body.ts'

const limit = 16 * 1024 * 1024
const json = Buffer.from('{"batch":[]}')

test.each([
  ['gzip', gzipSync(json)],
  ['GZIP ', gzipSync(json)],
  ['x-gzip', gzipSync(json)],
  ['deflate', deflateSync(json)],
  ['br', brotliCompressSync(json)],
  ['identity', json],
])('unpacks %s', async (encoding, body) => {
  expect(await unpackBody(body, encoding, limit)).toEqual(json)
})

/** A gigabyte of zeros in a megabyte: unpacked whole, it would take the process with it. */
test.each(['gzip', 'br'])('a bomb of %s ends at the limit', async (encoding) => {
  const zeros = Buffer.alloc(32 * 1024 * 1024)
  const bomb =
    encoding === 'gzip' ? Buffer.concat(Array(32).fill(gzipSync(zeros))) : brotliCompressSync(zeros)
  const before = process.memoryUsage().arrayBuffers
  expect(await unpackBody(bomb, encoding, limit)).toMatchObject({ code: 'body_too_large' })
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * limit)
})

test('what unpacks to exactly the limit is taken, one byte more is not', async () => {
  expect(await unpackBody(gzipSync(Buffer.alloc(1000)), 'gzip', 1000)).toHaveLength(1000)
  expect(await unpackBody(gzipSync(Buffer.alloc(1001)), 'gzip', 1000)).toMatchObject({
    code: 'body_too_large',
  })
})

test.each([
  ['gzip', 'invalid_json'],
  ['zstd', 'unsupported_encoding'],
  ['gzip, gzip', 'unsupported_encoding'],
  ['constructor', 'unsupported_encoding'],
])('what is no %s', async (encoding, code) => {
  expect(await unpackBody(json, encoding, limit)).toMatchObject({ code })
})

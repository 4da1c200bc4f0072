import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHttpClient, type HttpOutcome } from '../../../../src/action/http/http-client.ts'
import { isPrivateAddress, lookUpPublic } from '../../../../src/action/http/private-address.ts'
import { createRedactor } from '../../../../src/action/http/redact.ts'
import { retryAfterMs } from '../../../../src/action/http/retry-after.ts'

const options = { answerTimeoutMs: 100, connectionsMax: 4 }
let behave: (socket: Socket) => void = () => {}
const sockets = new Set<Socket>()
const server = createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => {})
  behave(socket)
})
let url: string

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterAll(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

async function post(to = url, more = {}): Promise<HttpOutcome> {
  const client = createHttpClient({ ...options, ...more })
  try {
    return await client.post({ url: to, headers: {}, body: 'hello' })
  } finally {
    await client.close()
  }
}

describe('what is certain of a call that has no answer', () => {
  test('refused: nothing was written', async () => {
    const closed = createServer()
    closed.listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    await once(closed, 'close')
    expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ kind: 'failed', written: false })
  })

  test('no such host: nothing was written', async () => {
    expect(await post('http://no-such-host.invalid/', { answerTimeoutMs: 5000 })).toMatchObject({
      kind: 'failed',
      written: false,
    })
  })

  test('a TLS handshake that fails: nothing was written', async () => {
    behave = (socket) => socket.once('data', () => socket.end('no TLS here'))
    expect(await post(url.replace('http:', 'https:'), { answerTimeoutMs: 2000 })).toMatchObject({
      kind: 'failed',
      written: false,
    })
  })

  test('silence after the connection stood: it may have been taken', async () => {
    behave = () => {}
    expect(await post()).toEqual({ kind: 'failed', written: true, reason: 'no answer in time' })
  })

  test('an end after the request: it may have been taken', async () => {
    behave = (socket) => socket.once('data', () => socket.destroy())
    expect(await post()).toMatchObject({ kind: 'failed', written: true })
  })

  test('bytes that are no HTTP: it may have been taken', async () => {
    behave = (socket) => socket.once('data', () => socket.end('hello yourself\r\n\r\n'))
    expect(await post()).toMatchObject({ kind: 'failed', written: true })
  })

  test('closed: nothing was written', async () => {
    const client = createHttpClient(options)
    await client.close()
    expect(await client.post({ url, headers: {}, body: '' })).toMatchObject({
      kind: 'failed',
      written: false,
    })
  })
})

describe('an answer', () => {
  test('that ends too early is not whole; its status stands', async () => {
    behave = (socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\nhalf'))
    expect(await post()).toMatchObject({ kind: 'answer', status: 500, body: 'half', whole: false })
  })

  test('whose body never ends is not whole either', async () => {
    behave = (socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'))
    expect(await post()).toMatchObject({ kind: 'answer', status: 200, whole: false })
  })

  test('is read so far and no further', async () => {
    const large = createHttpServer((_, response) => response.end('x'.repeat(1_000_000)))
    large.listen(0, '127.0.0.1')
    await once(large, 'listening')
    const outcome = await post(`http://127.0.0.1:${(large.address() as AddressInfo).port}/`, {
      answerTimeoutMs: 5000,
    })
    expect(outcome).toMatchObject({ kind: 'answer', status: 200, whole: true })
    expect(outcome.kind === 'answer' && outcome.body.length).toBe(16_384)
    large.closeAllConnections()
    large.close()
  })
})

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1)
  test.each([
    ['120', 120_000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['99999999', 86_400_000],
    ['soon', undefined],
    ['', undefined],
    ['-5', 0],
  ])('%s', (value, ms) => {
    const found = retryAfterMs({ 'retry-after': value }, now)
    // Of a negative number nobody says what it means: anything but a wait.
    expect(value === '-5' ? (found ?? 0) : found).toBe(ms)
  })
})

describe('hosts that are not of the internet', () => {
  test.each([
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '[::1]',
    '[::]',
    '[fc00::1]',
    '[fe80::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::7f00:1]',
  ])('%s is refused', async (host) => {
    expect(isPrivateAddress(new URL(`http://${host}/`).hostname)).toBe(true)
    expect(await post(`http://${host}:1/`, { publicOnly: true })).toMatchObject({
      kind: 'failed',
      written: false,
      reason: 'private_host',
    })
  })

  test.each(['http://2130706433/', 'http://0x7f.1/', 'http://0177.0.0.1/', 'http://127.1/'])(
    '%s is 127.0.0.1 and refused',
    async (odd) => {
      expect(await post(odd, { publicOnly: true })).toMatchObject({ kind: 'failed', reason: 'private_host' })
    },
  )

  test.each(['8.8.8.8', '172.32.0.1', '[2606:4700:4700::1111]', 'example.com'])('%s is not', (host) => {
    expect(isPrivateAddress(host)).toBe(false)
  })

  test('a name that resolves to one is refused, at the connection', async () => {
    expect(await post(url.replace('127.0.0.1', 'localhost'), { publicOnly: true })).toMatchObject({
      kind: 'failed',
      written: false,
      reason: expect.stringMatching(/^private_host /),
    })
    const error = await new Promise((resolve) => lookUpPublic('localhost', {}, (fault) => resolve(fault)))
    expect(error).toMatchObject({ code: 'private_host' })
  })
})

test('secrets are taken out, however they are written', () => {
  const secret = 'p+ss/w=rd'
  const redact = createRedactor([secret, 'short'])
  const header = Buffer.from(secret).toString('base64')
  expect(redact(`a ${secret} b ${encodeURIComponent(secret)} c ${header} short`)).toBe(
    'a [redacted] b [redacted] c [redacted] short',
  )
})

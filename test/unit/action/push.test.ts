import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import webPush from 'web-push'
import type { Channel, OutgoingMessage } from '#contracts/message.ts'
import { endpointOfToken, parsePushAddress, pushAddressOf } from '#contracts/push-address.ts'
import { createSteppedClock, type SteppedClock } from '#platform/clock/stepped-clock.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import type { ChannelParts } from '../../../src/action/channel-file.ts'
import { channel as apns, uuidOf } from '../../../src/action/channels/apns.ts'
import { channel as fcm } from '../../../src/action/channels/fcm.ts'
import { publicKeyOf, channel as webPushFile } from '../../../src/action/channels/web-push.ts'
import { decryptPush, makeBrowserKeys } from '../../support/push/browser-side.ts'
import { type Loopback, startLoopback } from '../../support/push/loopback.ts'

const start = Date.UTC(2026, 0, 1)
let clock: SteppedClock

function parts(): ChannelParts {
  clock = createSteppedClock(start)
  const logger = { error() {}, warn() {}, info() {}, debug() {} }
  const rest = {
    store: null as never,
    random: createSeededRandom(1),
    logger,
    inFlightMax: 8,
    publicUrl: 'https://s.example',
  }
  return { id: 'p', clock, wallClock: clock, ...rest }
}

function outgoing(over: Partial<OutgoingMessage>): OutgoingMessage {
  return {
    workspace: 'acme',
    channel: 'push',
    messageId: 'm1',
    idempotencyKey: 'm1',
    customerId: 'ann',
    address: '',
    from: '',
    subject: 'Title',
    html: '',
    text: 'Body',
    url: '',
    data: {},
    headers: {},
    ...over,
  }
}

test('the receiving side of these tests decrypts the example of RFC 8291, section 5', () => {
  const bytes = (text: string) => Buffer.from(text, 'base64url')
  const body = bytes(
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  )
  const browser = {
    privateKey: bytes('q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94'),
    publicKey: bytes(
      'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
    ),
    auth: bytes('BTBZMqHH6r4Tts7J_aSIgg'),
  }
  expect(decryptPush(body, browser).toString()).toBe('When I grow up, I want to be a watermelon')
  const other = { ...browser, auth: Buffer.alloc(16, 1) }
  expect(() => decryptPush(body, other)).toThrow()
})

describe('web push', () => {
  const browser = makeBrowserKeys()
  const vapid = webPush.generateVAPIDKeys()
  let server: Loopback
  let channel: Channel
  const address = (path = '/s') =>
    pushAddressOf({
      kind: 'web-push',
      endpoint: `${server.url}${path}`,
      p256dh: browser.publicKey.toString('base64url'),
      auth: browser.auth.toString('base64url'),
    })

  beforeAll(async () => {
    server = await startLoopback({ faultsOf: () => [], keyOf: () => '', accepts: () => ({ status: 201 }) })
    channel = webPushFile.open(
      webPushFile.settings.parse({
        subject: 'mailto:a@b.example',
        privateKey: vapid.privateKey,
        services: [new URL(server.url).host],
        plain: true,
      }),
      parts(),
    )
  })
  afterAll(async () => {
    await channel.close()
    await server.close()
  })

  test('fills a record to the last byte, and refuses one more before it is sent', async () => {
    const empty = Buffer.byteLength(JSON.stringify({ messageId: 'm1', title: 'Title', body: '' }))
    const room = 3993 - empty
    const fits = outgoing({ address: address(), text: 'x'.repeat(room) })
    expect((await channel.send(fits)).kind).toBe('sent')
    expect(server.calls.at(-1)!.body.length).toBe(4096)
    expect(JSON.parse(decryptPush(server.calls.at(-1)!.body, browser).toString()).body).toHaveLength(room)
    const before = server.calls.length
    expect(await channel.send(outgoing({ address: address(), text: 'x'.repeat(room + 1) }))).toMatchObject({
      kind: 'permanent',
      reason: expect.stringMatching(/^payload_too_large/),
    })
    expect(server.calls.length).toBe(before)
  })

  test('two of the same message share a topic and nothing of their encryption', async () => {
    await channel.send(outgoing({ address: address() }))
    await channel.send(outgoing({ address: address() }))
    const [one, two] = server.calls.slice(-2)
    expect(one!.headers.topic).toBe(two!.headers.topic)
    expect(one!.body.subarray(0, 16)).not.toEqual(two!.body.subarray(0, 16))
    expect(one!.body.subarray(21, 86)).not.toEqual(two!.body.subarray(21, 86))
  })

  test('is kept for a device no longer than the message lives', async () => {
    const ttl = async (expiresAt: number) => {
      await channel.send(outgoing({ address: address(), expiresAt }))
      return server.calls.at(-1)!.headers.ttl
    }
    expect(await ttl(start + 90_500)).toBe('90')
    expect(await ttl(start - 1)).toBe('0')
    expect(await ttl(start + 400 * 86_400_000)).toBe('2419200')
  })

  test.each([
    ['a point that is none', { p256dh: Buffer.alloc(65, 4).toString('base64url') }, 'bad_subscription'],
    ['a host of this network', { endpoint: 'http://127.0.0.1:1/x' }, 'push_service_unknown'],
    ['a host that only ends alike', { endpoint: 'http://evil-push.example/x' }, 'push_service_unknown'],
  ])('refuses %s, and nothing leaves', async (_, over, reason) => {
    const parsed = parsePushAddress(address())
    const before = server.calls.length
    const own = pushAddressOf({ ...(parsed as object), ...over } as never)
    const result = await channel.send(outgoing({ address: own }))
    expect(result).toMatchObject({ kind: 'permanent', reason: expect.stringContaining(reason) })
    expect(server.calls.length).toBe(before)
  })

  test('without TLS only where a setting says so', async () => {
    const settings = webPushFile.settings.parse({
      subject: 'mailto:a@b.example',
      privateKey: vapid.privateKey,
      services: [new URL(server.url).host],
    })
    const strict = webPushFile.open(settings, parts())
    expect(await strict.send(outgoing({ address: address() }))).toMatchObject({ kind: 'permanent' })
    await strict.close()
  })

  test('the public key follows from the private one', () => {
    expect(publicKeyOf(vapid.privateKey)).toBe(vapid.publicKey)
    for (const bad of ['', 'x', Buffer.alloc(32).toString('base64url')]) expect(publicKeyOf(bad)).toBeNull()
  })
})

describe('FCM', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  let server: Loopback
  let exchanges = 0
  let refusal: number | null = null
  const open = () =>
    fcm.open(
      fcm.settings.parse({
        projectId: 'p',
        clientEmail: 'a@b.example',
        // As an environment carries it.
        privateKey: String(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })).replaceAll('\n', '\\n'),
        endpoint: server.url,
        oauthUrl: `${server.url}/token`,
      }),
      parts(),
    )
  beforeAll(async () => {
    server = await startLoopback({
      beside({ path }) {
        if (path !== '/token') return null
        exchanges += 1
        if (refusal !== null) return { status: refusal, body: '{"error":"invalid_grant"}' }
        return { status: 200, body: JSON.stringify({ access_token: `t${exchanges}`, expires_in: 3600 }) }
      },
      faultsOf: () => [],
      keyOf: () => '',
      accepts: () => ({ status: 200, body: '{"name":"n"}' }),
    })
  })
  afterAll(() => server.close())
  const message = () => outgoing({ address: 'fcm:a:b' })

  test('one access token serves all messages of its hour, then the next', async () => {
    const channel = open()
    const before = exchanges
    await Promise.all(Array.from({ length: 8 }, () => channel.send(message())))
    expect(exchanges - before).toBe(1)
    clock.stepTo(start + 54 * 60_000)
    await channel.send(message())
    expect(exchanges - before).toBe(1)
    clock.stepTo(start + 56 * 60_000)
    await channel.send(message())
    expect(exchanges - before).toBe(2)
    await channel.close()
  })

  test('one that is refused is asked for anew', async () => {
    const channel = open()
    await channel.send(message())
    server.next({ status: 401 })()
    expect(await channel.send(message())).toMatchObject({ kind: 'transient', ofProvider: true })
    expect((await channel.send(message())).kind).toBe('sent')
    expect(server.calls.at(-1)!.headers.authorization).toBe(`Bearer t${exchanges}`)
    await channel.close()
  })

  test('without one no message is sent', async () => {
    const channel = open()
    const before = server.calls.length
    refusal = 400
    expect(await channel.send(message())).toMatchObject({ kind: 'transient', ofProvider: true })
    refusal = null
    expect(server.calls.length).toBe(before)
    expect((await channel.send(message())).kind).toBe('sent')
    await channel.close()
  })

  test('data is texts, and more than 4,096 bytes are refused before they are sent', async () => {
    const channel = open()
    await channel.send(
      outgoing({ address: 'fcm:a:b', data: { n: 3, deep: { a: [1] }, text: 'x' }, url: 'app://x' }),
    )
    const sent = JSON.parse(server.calls.at(-1)!.body.toString()).message
    expect(sent.data).toEqual({ n: '3', deep: '{"a":[1]}', text: 'x', messageId: 'm1', url: 'app://x' })
    expect(sent.webpush.fcm_options).toBeUndefined()
    const large = await channel.send(outgoing({ address: 'fcm:a:b', text: 'x'.repeat(4096) }))
    expect(large).toMatchObject({ kind: 'permanent', reason: expect.stringMatching(/^payload_too_large/) })
    await channel.close()
  })
})

describe('APNs', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const token = 'cd'.repeat(32)
  let server: Loopback
  const open = (url = server.url) =>
    apns.open(
      apns.settings.parse({
        teamId: 'TEAM123456',
        keyId: 'KEY1234567',
        privateKey: ec.privateKey.export({ type: 'pkcs8', format: 'pem' }),
        topic: 'a.b',
        endpoint: url,
      }),
      parts(),
    )
  const message = () => outgoing({ address: `apns:${token}` })
  beforeAll(async () => {
    server = await startLoopback({
      http2: true,
      faultsOf: () => [],
      keyOf: () => '',
      accepts: () => ({ status: 200 }),
    })
  })
  afterAll(() => server.close())
  const authorization = () => server.calls.at(-1)!.headers.authorization

  test('its token is renewed after 40 minutes, and at once when Apple says that it has expired', async () => {
    const channel = open()
    await channel.send(message())
    const first = authorization()
    clock.stepTo(start + 39 * 60_000)
    await channel.send(message())
    expect(authorization()).toBe(first)
    clock.stepTo(start + 40 * 60_000)
    await channel.send(message())
    const second = authorization()
    expect(second).not.toBe(first)
    server.next({ status: 403, body: '{"reason":"ExpiredProviderToken"}' })()
    clock.stepTo(start + 41 * 60_000)
    expect(await channel.send(message())).toMatchObject({ kind: 'transient' })
    await channel.send(message())
    expect(authorization()).not.toBe(second)
    await channel.close()
  })

  test('each attempt has the same id', async () => {
    const channel = open()
    await channel.send(message())
    await channel.send(message())
    const [one, two] = server.calls.slice(-2)
    expect(one!.headers['apns-id']).toBe(two!.headers['apns-id'])
    expect(uuidOf('m1')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(uuidOf('m1')).not.toBe(uuidOf('m2'))
    await channel.close()
  })

  test('a server that is not there is a try later; one that went away is asked again', async () => {
    const gone = open('http://127.0.0.1:1')
    expect(await gone.send(message())).toMatchObject({ kind: 'transient' })
    await gone.close()
    const other = await startLoopback({
      http2: true,
      faultsOf: () => [],
      keyOf: () => '',
      accepts: () => ({ status: 200 }),
    })
    const port = Number(new URL(other.url).port)
    const channel = open(other.url)
    expect((await channel.send(message())).kind).toBe('sent')
    await other.close()
    expect(['transient', 'unknown']).toContain((await channel.send(message())).kind)
    const back = await startLoopback({
      http2: true,
      port,
      faultsOf: () => [],
      keyOf: () => '',
      accepts: () => ({ status: 200 }),
    })
    expect((await channel.send(message())).kind).toBe('sent')
    await channel.close()
    await back.close()
  })
})

test('addresses of endpoints are read as they were written; whose a token is, its letters say', () => {
  const all = [
    { kind: 'fcm', token: 'dev:APA91bX_-' },
    { kind: 'apns', token: 'ab'.repeat(32) },
    { kind: 'web-push', endpoint: 'https://p.example/a?b=c', p256dh: 'BA_-', auth: 'x-_' },
  ] as const
  for (const endpoint of all) expect(parsePushAddress(pushAddressOf(endpoint))).toEqual(endpoint)
  for (const bad of ['', 'ann', 'fcm:', 'fcm:a b', 'web-push:https://p.example', 'web-push:ftp://p#a.b']) {
    expect(parsePushAddress(bad)).toBeNull()
  }
  expect(endpointOfToken('AB'.repeat(32))).toEqual({ kind: 'apns', token: 'ab'.repeat(32) })
  expect(endpointOfToken('tok:AB')).toEqual({ kind: 'fcm', token: 'tok:AB' })
})

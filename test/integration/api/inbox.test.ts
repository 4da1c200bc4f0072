import { request } from 'node:http'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { customerIdOf } from '#platform/ids/ids.ts'
import { createLinks } from '../../../src/action/links.ts'
import { linkSecret } from '../../../src/pipeline/first-start.ts'
import { appWith, putInInbox, signIn } from './customer-world.ts'
import { type DoorWorld, openDoorWorld, writeKey } from './door-world.ts'

interface Page {
  items: { id: string; readAt: number | null }[]
  nextCursor: string | null
  unread: number
  lastEventId: string
}

let world: DoorWorld
let customers = 0
beforeAll(async () => {
  world = await openDoorWorld()
})
afterAll(() => world.close())

/** A customer of their own for each test. */
async function somebody(): Promise<{ userId: string; id: string; app: Awaited<ReturnType<typeof signIn>> }> {
  const userId = `u${++customers}`
  await world.identify(userId, { firstName: 'Uma' })
  return { userId, id: customerIdOf('main', 'user', userId), app: await signIn(world, { userId }) }
}

describe('customer tokens', () => {
  test('are made with the write key too, and refused without a key', async () => {
    const ask = (headers: Record<string, string>) =>
      fetch(`${world.url}/api/v1/customer-tokens`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ userId: 'u' }),
      })
    const basic = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`
    expect((await ask({ authorization: basic })).status).toBe(200)
    expect((await ask({ 'x-write-key': writeKey })).status).toBe(200)
    expect((await ask({})).status).toBe(401)
    expect((await ask({ authorization: 'Bearer nobody' })).status).toBe(401)
  })

  test('of neither id or both are refused', async () => {
    expect((await world.call('POST', '/customer-tokens', {})).status).toBe(400)
    const both = { userId: 'u', anonymousId: 'a' }
    expect((await world.call('POST', '/customer-tokens', both)).status).toBe(400)
  })

  test('forged ones are refused: another secret, no signature, another workspace, another audience', async () => {
    const { app } = await somebody()
    const claims = JSON.parse(Buffer.from(app.token.split('.')[1]!, 'base64url').toString())
    const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const [header, , signature] = app.token.split('.')
    const otherSecret = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode('x'.repeat(32)))
    for (const token of [
      otherSecret,
      `${b64({ alg: 'none' })}.${b64(claims)}.`,
      `${header}.${b64({ ...claims, sub: 'somebody-else' })}.${signature}`,
      `${header}.${b64({ ...claims, ws: 'other' })}.${signature}`,
      'nonsense',
    ]) {
      const answer = await appWith(world.url, token).call<{ code: string }>('GET', '/inbox')
      expect([answer.status, answer.body.code]).toEqual([401, 'invalid_token'])
    }
    expect((await fetch(`${world.url}/api/v1/inbox`)).status).toBe(401)
  })

  test('an admin key is no customer token', async () => {
    expect((await world.call<{ code: string }>('GET', '/inbox')).body.code).toBe('invalid_token')
  })

  test('any page may ask: preflight and answer say so', async () => {
    const { app } = await somebody()
    const preflight = await fetch(`${world.url}/api/v1/inbox/stream`, { method: 'OPTIONS' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Last-Event-ID')
    const answer = await fetch(`${world.url}/api/v1/inbox`, {
      headers: { origin: 'https://shop.example', authorization: `Bearer ${app.token}` },
    })
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  })
})

describe('the inbox', () => {
  test('lists newest first, by pages, with the number of unread ones', async () => {
    const { id, app } = await somebody()
    for (const n of [1, 2, 3]) {
      world.clock.stepTo(world.clock.now() + 1000)
      await putInInbox(world, id, `${id}-${n}`)
    }
    const first = await app.call<Page>('GET', '/inbox?limit=2')
    expect(first.body.items.map((item) => item.id)).toEqual([`${id}-3`, `${id}-2`])
    expect(first.body.unread).toBe(3)
    const second = await app.call<Page>('GET', `/inbox?limit=2&cursor=${first.body.nextCursor}`)
    expect(second.body.items.map((item) => item.id)).toEqual([`${id}-1`])
    expect(second.body.nextCursor).toBeNull()
  })

  test('is the customer’s alone', async () => {
    const [ann, bob] = [await somebody(), await somebody()]
    await putInInbox(world, ann.id, `${ann.id}-own`)
    expect((await bob.app.call<Page>('GET', '/inbox')).body.items).toEqual([])
    for (const action of ['read', 'dismiss', 'click']) {
      expect((await bob.app.call('POST', `/inbox/${ann.id}-own/${action}`)).status).toBe(404)
    }
    expect((await ann.app.call<Page>('GET', '/inbox')).body.items[0]!.readAt).toBeNull()
  })

  test('read is an open and a click a click, once each; dismissed is gone', async () => {
    const { id, app } = await somebody()
    const { store } = world.engine.parts
    const links = createLinks({ secret: await linkSecret(store), baseUrl: world.url })
    const message = `${id}-m`
    await putInInbox(world, id, message, { url: links.clickUrl('main', message, 'https://shop.example/x') })
    for (const action of ['read', 'read', 'click', 'click']) {
      const answer = await app.call<{ target: string; readAt: number }>('POST', `/inbox/${message}/${action}`)
      expect([answer.status, answer.body.target]).toEqual([200, 'https://shop.example/x'])
    }
    await world.engine.drain()
    const outcomes = await store.read
      .workspace('main')
      .selectFrom('outcomes')
      .select(['outcomes.kind', 'outcomes.customer_id'])
      .where('outcomes.message_id', '=', message)
      .orderBy('outcomes.kind')
      .execute()
    expect(outcomes).toEqual([
      { kind: 'click', customer_id: id },
      { kind: 'open', customer_id: id },
    ])
    expect((await app.call<Page>('GET', '/inbox')).body).toMatchObject({
      unread: 0,
      items: [{ id: message }],
    })
    expect((await app.call('POST', `/inbox/${message}/dismiss`)).status).toBe(200)
    expect((await app.call<Page>('GET', '/inbox')).body.items).toEqual([])
  })

  test('what has expired is neither listed nor touched', async () => {
    const { id, app } = await somebody()
    await putInInbox(world, id, `${id}-old`, { expires_at: world.clock.now() + 10 })
    world.clock.stepTo(world.clock.now() + 10)
    expect((await app.call<Page>('GET', '/inbox')).body).toMatchObject({ items: [], unread: 0 })
    expect((await app.call('POST', `/inbox/${id}-old/read`)).status).toBe(404)
  })
})

describe('the stream', () => {
  test('goes on where the list ended, brings what other processes wrote, and each change of a message', async () => {
    const { id, app } = await somebody()
    await putInInbox(world, id, `${id}-1`)
    const { lastEventId } = (await app.call<Page>('GET', '/inbox')).body
    // Between the list and the stream: neither lost nor twice.
    await putInInbox(world, id, `${id}-2`)
    const frames = await app.stream({ 'last-event-id': lastEventId })
    expect(await frames.next()).toMatchObject({ event: 'message', data: { id: `${id}-2`, readAt: null } })
    await putInInbox(world, id, `${id}-3`)
    const third = await frames.next()
    expect(third.data.id).toBe(`${id}-3`)
    await app.call('POST', `/inbox/${id}-1/read`)
    expect(await frames.next()).toMatchObject({ data: { id: `${id}-1`, readAt: expect.any(Number) } })
    await frames.close()

    await app.call('POST', `/inbox/${id}-2/dismiss`)
    const again = await app.stream({ 'last-event-id': third.id })
    expect((await again.next()).data).toMatchObject({ id: `${id}-1` })
    expect((await again.next()).data).toMatchObject({ id: `${id}-2`, dismissedAt: expect.any(Number) })
    await again.close()
  })

  test('every change comes once and in order, whoever writes at the same time', async () => {
    const { id, app } = await somebody()
    const frames = await app.stream({ 'last-event-id': '0' })
    const ids = Array.from({ length: 120 }, (_, n) => `${id}-n${n}`)
    await Promise.all(ids.map((message) => putInInbox(world, id, message)))
    const got = []
    for (let n = 0; n < ids.length; n++) got.push(await frames.next())
    expect(new Set(got.map((frame) => frame.data.id)).size).toBe(ids.length)
    const numbers = got.map((frame) => Number(frame.id))
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    await frames.close()
  })

  test('what is not a number of ours is refused, and more streams than are served', async () => {
    const { app } = await somebody()
    expect((await app.stream({ 'last-event-id': 'x' })).status).toBe(400)
    const open = []
    for (let n = 0; n < 12; n++) open.push(await app.stream())
    expect(open.map((frames) => frames.status)).toEqual(Array(12).fill(200))
    const refused = await fetch(`${world.url}/api/v1/inbox/stream`, {
      headers: { authorization: `Bearer ${app.token}` },
    })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('content-type')).toContain('application/problem+json')
    await refused.text()
    await Promise.all(open.map((frames) => frames.close()))
    // A place is free as soon as the server has seen one go.
    let next = await app.stream()
    while (next.status === 429) next = await app.stream()
    expect(next.status).toBe(200)
    await next.close()
  })

  test('a reader that takes nothing is given a page, not the table', async () => {
    const { id, app } = await somebody()
    const text = 'x'.repeat(60_000)
    for (let n = 0; n < 120; n++) await putInInbox(world, id, `${id}-l${n}`, { text })
    const { hostname, port } = new URL(world.url)
    const asked = request({
      host: hostname,
      port,
      path: '/api/v1/inbox/stream',
      headers: { authorization: `Bearer ${app.token}`, 'last-event-id': '0' },
    })
    asked.end()
    const response = await new Promise<import('node:http').IncomingMessage>((resolve) => {
      asked.once('response', resolve)
    })
    // Nothing is read: what the sockets hold is all that was written, and then the reader goes on.
    response.pause()
    const second = await app.stream({ 'last-event-id': '0' })
    for (let n = 0; n < 120; n++) await second.next()
    let bytes = 0
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length
      if (bytes >= 120 * 60_000) break
    }
    expect(bytes).toBeGreaterThanOrEqual(120 * 60_000)
    await second.close()
  })
})

test('after a merge the visitor’s messages are the user’s, and the user’s token shows them', async () => {
  const { id, userId, app } = await somebody()
  const visitor = await signIn(world, { anonymousId: `a-${userId}` })
  const visitorId = customerIdOf('main', 'anonymous', `a-${userId}`)
  const event = { type: 'track', anonymousId: `a-${userId}`, event: 'Seen', messageId: `seen-${userId}` }
  const send = (body: object) =>
    fetch(`${world.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch: [body], writeKey }) })
  await send(event)
  await world.engine.drain()
  await putInInbox(world, visitorId, `${id}-before`)
  const frames = await app.stream({ 'last-event-id': '0' })
  await send({ type: 'identify', userId, anonymousId: `a-${userId}`, messageId: `link-${userId}` })
  await world.engine.drain()
  expect((await frames.next()).data.id).toBe(`${id}-before`)
  for (const own of [app, visitor]) {
    expect((await own.call<Page>('GET', '/inbox')).body.items.map((item) => item.id)).toEqual([
      `${id}-before`,
    ])
  }
  await frames.close()
})

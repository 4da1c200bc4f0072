import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DoorWorld, installShop, openDoorWorld } from './door-world.ts'

const browser = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0' }

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
  await installShop(world)
  await world.identify('u1', { email: 'u1@example.com', firstName: 'Uma' })
  await world.track('u1', 'Cart Abandoned')
  // Nobody reads a mail as it leaves.
  world.clock.stepTo(world.clock.now() + 60_000)
})
afterEach(() => world.close())

async function sentMail(): Promise<{ id: string; html: string; unsubscribe: string; click: string }> {
  const row = await world.engine.parts.store.read
    .workspace('main')
    .selectFrom('outbox')
    .selectAll('outbox')
    .executeTakeFirstOrThrow()
  const headers = JSON.parse(row.headers_json) as Record<string, string>
  return {
    id: row.message_id,
    html: row.html,
    unsubscribe: new URL(headers['List-Unsubscribe']?.slice(1, -1) ?? '').pathname,
    click: new URL(/href="([^"]*\/c\/[^"]*)"/.exec(row.html)?.[1] ?? '').pathname,
  }
}

async function consents(): Promise<unknown> {
  return (await world.call<{ consents: object }>('GET', '/customers/u1')).body.consents
}

/** Once it is seen whether a scanner follows the others of the message too. */
async function clicks(): Promise<{ kind: string }[]> {
  await world.engine.drain()
  world.clock.stepTo(world.clock.now() + 2000)
  await world.engine.drain()
  const db = world.engine.parts.store.read.workspace('main')
  return db.selectFrom('outcomes').select('outcomes.kind').execute()
}

describe('unsubscribe', () => {
  test('a GET shows a page and changes nothing', async () => {
    const { unsubscribe } = await sentMail()
    const page = await world.get(unsubscribe, { accept: 'text/html' })
    expect([page.status, page.headers.get('set-cookie')]).toEqual([200, null])
    expect(await page.text()).toContain('<form method="post">')
    await world.get(unsubscribe, {}, 'HEAD')
    expect(await consents()).toEqual({})
  })

  test.each([
    ['a form', 'application/x-www-form-urlencoded', 'List-Unsubscribe=One-Click'],
    ['a multipart form', 'multipart/form-data; boundary=b', '--b\r\n\r\nOne-Click\r\n--b--\r\n'],
    ['nothing', undefined, ''],
  ])('one click counts before it is answered, posted as %s', async (_name, type, body) => {
    const { unsubscribe } = await sentMail()
    const answer = await fetch(`${world.url}${unsubscribe}`, {
      method: 'POST',
      redirect: 'manual',
      headers: type === undefined ? {} : { 'content-type': type },
      ...(body === '' ? {} : { body }),
    })
    expect([answer.status, await answer.json()]).toEqual([200, { unsubscribed: true, alreadySending: [] }])
    expect(await consents()).toEqual({ email: 'denied' })
    await world.track('u1', 'Cart Abandoned')
    const { messages } = (await world.call<{ messages: object[] }>('GET', '/customers/u1')).body
    expect(messages).toHaveLength(1)
  })

  test('the page’s button gets a page', async () => {
    const { unsubscribe } = await sentMail()
    const answer = await fetch(`${world.url}${unsubscribe}`, {
      method: 'POST',
      headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'List-Unsubscribe=One-Click',
    })
    expect(await answer.text()).toContain('You are unsubscribed')
  })

  test('the answer lists what was being sent already', async () => {
    const { unsubscribe, id } = await sentMail()
    await world.engine.parts.store.transaction(async (tx) => {
      await tx
        .workspace('main')
        .updateTable('messages')
        .set({ state: 'sending' })
        .where('messages.message_id', '=', id)
        .execute()
    })
    const answer = await fetch(`${world.url}${unsubscribe}`, { method: 'POST' })
    expect(await answer.json()).toEqual({ unsubscribed: true, alreadySending: [id] })
  })

  test('a damaged link is refused, and unsubscribes nobody', async () => {
    const { unsubscribe } = await sentMail()
    const damaged = `${unsubscribe.slice(0, -3)}abc`
    const answer = await fetch(`${world.url}${damaged}`, { method: 'POST' })
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, 'invalid_link'])
    expect((await world.get(damaged, { accept: 'text/html' })).headers.get('content-type')).toContain(
      'text/html',
    )
    expect(await consents()).toEqual({})
  })
})

describe('clicks', () => {
  test('a click is counted, and leads on', async () => {
    const { click } = await sentMail()
    const answer = await world.get(click, browser)
    expect([answer.status, answer.headers.get('location')]).toEqual([302, 'https://shop.example/cart'])
    expect(await clicks()).toEqual([{ kind: 'click' }])
  })

  test('a reload at once is the same click', async () => {
    const { click } = await sentMail()
    await Promise.all([world.get(click, browser), world.get(click, browser), world.get(click, browser)])
    expect(await clicks()).toEqual([{ kind: 'click' }])
  })

  test.each([
    ['HEAD', browser, 'HEAD'],
    ['a scanner’s name', { 'user-agent': 'Mozilla/5.0 (compatible; Proofpoint URL Defense)' }, 'GET'],
    ['no name', { 'user-agent': '' }, 'GET'],
  ])('what looks like a link scanner is marked: %s', async (_name, headers, method) => {
    const { click } = await sentMail()
    expect((await world.get(click, headers, method)).status).toBe(302)
    expect(await clicks()).toEqual([{ kind: 'suspected-click' }])
    const { profile } = (await world.call<{ profile: { counts: object } }>('GET', '/customers/u1')).body
    expect(profile.counts).not.toHaveProperty('Message Clicked')
  })

  test('the reader goes on when the log takes nothing', async () => {
    const { click } = await sentMail()
    world.engine.parts.log.append = async () => ({ kind: 'full', retryAfterSeconds: 1 })
    expect((await world.get(click, browser)).status).toBe(302)
  })

  test('a link to elsewhere than it was signed for leads nowhere', async () => {
    const { click } = await sentMail()
    const [payload, signature] = click.slice(click.lastIndexOf('/') + 1).split('.')
    const parts = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as string[]
    const forged = Buffer.from(JSON.stringify([parts[0], parts[1], 'https://evil.example/'])).toString(
      'base64url',
    )
    expect((await world.get(`/c/${forged}.${signature}`, browser)).status).toBe(400)
  })
})

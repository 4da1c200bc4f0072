import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

const chrome = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0.0.0 Safari/537.36' }
const shop = `
goals:
  - { id: order, event: Order Completed, windowHours: 72 }
  - { id: click, event: Message Clicked, where: { property: url, op: contains, value: tea }, windowHours: 72 }
offers: [{ id: tea, name: Tea, value: 10 }]
templates:
  - { id: mail, channel: email, subject: Tea, from: 'Shop <hello@mail.shop.example>', html: '<html><body><a href="https://shop.example/tea?utm_term=own">Tea</a> <a href="https://shop.example/cup">Cup</a> <a href="{{links.unsubscribe}}">No</a></body></html>' }
experiments:
  - { id: all, arms: [{ id: a, share: 0, control: true }, { id: b, share: 1, treatment: tea/email }] }
campaigns:
  - { id: mails, name: Mails, goal: click, trigger: { event: Mail }, holdout: 0, utm: { source: shop, term: theirs }, policy: { kind: fixed-split, experiment: all }, treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: mail }] }] }
`

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld({
    settings: {
      linkUrls: { 'mail.shop.example': 'https://click.shop.example/l' },
      bounceAddress: 'bounces@mail.shop.example',
    },
  })
  await world.call('POST', '/workspace-file', { yaml: shop })
  for (const action of ['approve', 'launch'])
    await world.call('POST', `/campaigns/mails/${action}`, { actor: 'ann' })
  await world.identify('u1', { email: 'u1@example.com' })
  await world.track('u1', 'Mail')
  await pass(60_000)
})
afterEach(() => world.close())

const db = () => world.engine.parts.store.read.workspace('main')

async function pass(ms: number): Promise<void> {
  world.clock.stepTo(world.clock.now() + ms)
  await world.engine.drain()
}

async function mail() {
  const row = await db().selectFrom('outbox').selectAll('outbox').executeTakeFirstOrThrow()
  const links = [...row.html.matchAll(/href="([^"]*\/c\/[^"]*)"/g)].map((match) => match[1]!)
  return { id: row.message_id, html: row.html, links, pixel: /<img src="([^"]+)"/.exec(row.html)?.[1] ?? '' }
}

const local = (link: string) => link.slice(link.search(/\/[co]\//))

async function outcomes(): Promise<Record<string, number>> {
  await world.engine.drain()
  await pass(3000)
  const rows = await db().selectFrom('outcomes').select('outcomes.kind').execute()
  return Object.fromEntries(
    [...Map.groupBy(rows, (row) => row.kind)].map(([kind, own]) => [kind, own.length]),
  )
}

/** Exposures that have their conversion: the learner is told when they settle. */
async function rewards(): Promise<number> {
  const rows = await db().selectFrom('exposures').select('exposures.state').execute()
  return rows.filter(({ state }) => state === 'converted').length
}

test('links begin at the sender’s own domain and carry the campaign’s UTM parameters', async () => {
  const { links, html, pixel } = await mail()
  expect(links).toHaveLength(2)
  for (const link of [...links, pixel]) expect(link).toMatch(/^https:\/\/click\.shop\.example\/l\/[co]\//)
  expect(html).toMatch(/href="https:\/\/click\.shop\.example\/l\/u\//)
  const answer = await world.get(local(links[0]!), chrome)
  expect(answer.headers.get('location')).toBe(
    'https://shop.example/tea?utm_term=own&utm_source=shop&utm_medium=email&utm_campaign=mails&utm_content=a',
  )
})

describe('clicks', () => {
  test('a reader’s click is counted, and earns the reward of the goal that asks for it', async () => {
    const { links } = await mail()
    await world.get(local(links[1]!), chrome)
    await pass(10_000)
    expect([await outcomes(), await rewards()]).toEqual([{ click: 1 }, 0])
    await world.get(local(links[0]!), chrome)
    expect([await outcomes(), await rewards()]).toEqual([{ click: 2, conversion: 1 }, 1])
  })

  test('a walk over all links, with the name of a browser, earns nothing; the reader after it does', async () => {
    const { links } = await mail()
    for (const link of links) await world.get(local(link), chrome)
    expect([await outcomes(), await rewards()]).toEqual([{ 'suspected-click': 2 }, 0])
    await pass(60_000)
    // Not the server that a moment ago has seen the same: no time has passed by its own clock.
    const another = await world.anotherDoor()
    await fetch(`${another.url}${local(links[0]!)}`, { headers: chrome, redirect: 'manual' })
    await another.close()
    expect([await outcomes(), await rewards()]).toEqual([
      { 'suspected-click': 2, click: 1, conversion: 1 },
      1,
    ])
    const { profile } = (
      await world.call<{ profile: { counts: Record<string, { total: number }> } }>('GET', '/customers/u1')
    ).body
    expect(profile.counts['Message Clicked']?.total).toBe(1)
  })

  test('a click as the mail leaves is a gateway’s', async () => {
    await world.identify('u2', { email: 'u2@example.com' })
    await world.track('u2', 'Mail')
    const row = await db()
      .selectFrom('outbox')
      .select('outbox.html')
      .where('outbox.address', '=', 'u2@example.com')
      .executeTakeFirstOrThrow()
    await world.get(local(/href="([^"]*\/c\/[^"]*)"/.exec(row.html)?.[1] ?? ''), chrome)
    expect([await outcomes(), await rewards()]).toEqual([{ 'suspected-click': 1 }, 0])
  })

  test('a click waits across a restart of the roles, and a merge takes it along', async () => {
    const { links } = await mail()
    await world.get(local(links[0]!), chrome)
    await world.engine.drain()
    expect(await db().selectFrom('held_clicks').selectAll('held_clicks').execute()).toHaveLength(1)
    await world.alias('u1', 'u9')
    expect([await outcomes(), await rewards()]).toEqual([{ click: 1, conversion: 1 }, 1])
    expect(await db().selectFrom('held_clicks').selectAll('held_clicks').execute()).toEqual([])
  })
})

describe('opens', () => {
  test('the image counts an open once a minute, is never kept, and Apple’s privacy is told apart', async () => {
    const { pixel } = await mail()
    const answer = await world.get(local(pixel), chrome)
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      200,
      'image/gif',
      'no-store',
    ])
    await world.get(local(pixel), chrome)
    await world.get(local(pixel), { 'user-agent': 'Mozilla/5.0' })
    expect(await outcomes()).toEqual({ open: 1, 'private-open': 1 })
    const { profile } = (
      await world.call<{ profile: { counts: Record<string, { total: number }> } }>('GET', '/customers/u1')
    ).body
    expect(profile.counts['Message Opened']?.total).toBe(1)
  })

  test('a damaged address is an image too, and counts nothing', async () => {
    const answer = await world.get('/o/damaged', chrome)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/gif'])
    expect(await outcomes()).toEqual({})
  })
})

test('the profiles add up when they are recounted from the events', async () => {
  const { links, pixel } = await mail()
  for (const link of links) await world.get(local(link), chrome)
  await world.get(local(pixel), { 'user-agent': 'Mozilla/5.0' })
  await outcomes()
  const answer = await world.call<{ differences: unknown[] }>('POST', '/verify')
  expect(answer.body).toMatchObject({ differences: [] })
})

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

let world: DoorWorld
let shop: Server
let feedUrl: string
/** What the publisher's server answers with, and what it was asked. */
let answer: { status: number; headers: Record<string, string>; body: string | Buffer }
let asked: Record<string, string | string[] | undefined>[] = []

beforeAll(async () => {
  world = await openDoorWorld({ settings: { feedPrivateHosts: true } })
  shop = createServer((request, response) => {
    asked.push(request.headers)
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve))
  feedUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/items.csv`
})
beforeEach(() => {
  asked = []
})
afterAll(async () => {
  await world.close()
  shop.close()
})

const tea = { name: 'Tea', price: 4.5, currency: 'EUR', stock: 3, categories: ['Tea', 'Hot'] }
const ids = async () =>
  (await world.call<{ items: { id: string }[] }>('GET', '/items')).body.items.map(({ id }) => id)
const item = async (id: string) =>
  (await world.call<Record<string, unknown>>('GET', `/items/${encodeURIComponent(id)}`)).body

test('an item is written, changed, listed and taken out', async () => {
  const id = encodeURIComponent('tea/1 é')
  const written = await world.call<object>('PUT', `/items/${id}`, tea)
  expect(written.body).toEqual({ ...tea, id: 'tea/1 é', rank: 0, attributes: {} })
  const patch = { stock: 0, price: 4, attributes: { color: 'green', size: 2 } }
  expect((await world.call<object>('PATCH', `/items/${id}`, patch)).body).toEqual({
    ...tea,
    ...patch,
    id: 'tea/1 é',
    rank: 0,
  })
  const without = { stock: null, price: null, currency: null, attributes: { size: null } }
  expect((await world.call<object>('PATCH', `/items/${id}`, without)).body).toEqual({
    id: 'tea/1 é',
    name: 'Tea',
    categories: ['Tea', 'Hot'],
    rank: 0,
    attributes: { color: 'green' },
  })
  expect(await ids()).toEqual(['tea/1 é'])
  expect((await world.call('DELETE', `/items/${id}`)).status).toBe(204)
  expect((await world.call('DELETE', `/items/${id}`)).status).toBe(404)
  expect((await world.call('GET', `/items/${id}`)).status).toBe(404)
  expect((await world.call('PATCH', '/items/no-such', { stock: 1 })).status).toBe(404)
})

test('what does not fit is refused with its field, and of many items all are', async () => {
  const refused = async (body: object) =>
    (await world.call<{ field: string; code: string }>('PUT', '/items/x', body)).body
  expect(await refused({})).toMatchObject({ code: 'invalid_request', field: 'name' })
  expect(await refused({ ...tea, stock: -1 })).toMatchObject({ field: 'stock' })
  expect(await refused({ ...tea, currency: 'XQQ' })).toMatchObject({ field: 'currency' })
  expect(await refused({ name: 'Tea', price: 1 })).toMatchObject({ field: 'currency' })
  expect(await refused({ ...tea, link: 'javascript:alert(1)' })).toMatchObject({ field: 'link' })
  expect(await refused({ ...tea, colour: 'green' })).toMatchObject({ field: 'colour' })
  const validity = { validFrom: '2030-01-02T00:00:00Z', validUntil: '2030-01-01T00:00:00Z' }
  expect(await refused({ ...tea, ...validity })).toMatchObject({ field: 'validUntil' })
  const many = { items: [{ ...tea, id: 'a' }, { id: 'b' }] }
  expect((await world.call<{ field: string }>('PUT', '/items', many)).body).toMatchObject({
    field: 'items[1].name',
  })
  expect(await ids()).toEqual([])
})

test('a page of items follows the other', async () => {
  const items = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ ...tea, id }))
  expect((await world.call<object>('PUT', '/items', { items })).body).toEqual({ items: 5 })
  const pages: string[] = []
  let cursor = ''
  do {
    const path = `/items?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`
    const { body } = await world.call<{ items: { id: string }[]; nextCursor: string | null }>('GET', path)
    pages.push(body.items.map(({ id }) => id).join(''))
    cursor = body.nextCursor ?? ''
  } while (cursor !== '')
  expect(pages).toEqual(['ab', 'cd', 'e'])
  for (const { id } of items) await world.call('DELETE', `/items/${id}`)
})

test('an import changes the columns that it has', async () => {
  const load = async (csv: string) => (await world.call<object>('POST', '/imports/items', csv)).body
  const csv =
    'id,name,price,currency,stock,categories,attributes.size:number\n1,Tea,4.5,EUR,3,Tea|Hot,2\n2,,1,EUR,,,\n3,Milk,x,EUR,,,\n4,"Oat, milk",2,EUR,,,'
  expect(await load(csv)).toEqual({
    imported: 2,
    refused: [
      { line: 3, field: 'name', detail: 'an item has a name' },
      { line: 4, field: 'price', detail: 'x is no number' },
    ],
  })
  expect(await load('id,stock\n1,0\n4,7\n9,1')).toEqual({
    imported: 2,
    refused: [{ line: 4, field: 'name', detail: expect.any(String) }],
  })
  expect(await item('1')).toMatchObject({ stock: 0, price: 4.5, categories: ['Tea', 'Hot'] })
  expect(await item('4')).toMatchObject({ name: 'Oat, milk', stock: 7 })
  expect(await load('id,stock\n4,')).toMatchObject({ imported: 1 })
  expect(await item('4')).not.toHaveProperty('stock')
  expect(await load('id,colour\n1,red')).toMatchObject({ code: 'invalid_request', field: 'header' })
  for (const id of await ids()) await world.call('DELETE', `/items/${id}`)
})

interface FeedView {
  items: number
  result: string
  report: { detail: string; refused: object[]; refusedTotal: number }
}

let secret = ''
const signedNow = () => Math.floor(Date.now() / 1000)
function publish(csv: string, { at = signedNow(), etag = '', key = secret } = {}): void {
  const signature = new Webhook(key).sign('f1', new Date(at * 1000), csv)
  const signed = { 'webhook-id': 'f1', 'webhook-timestamp': String(at), 'webhook-signature': signature }
  answer = { status: 200, headers: { ...signed, ...(etag === '' ? {} : { etag }) }, body: csv }
}
const fetched = async (): Promise<FeedView> => {
  await world.call('POST', '/item-feeds/shop/fetch')
  await world.engine.roles.strategist.feeds.run()
  return (await world.call<{ items: FeedView[] }>('GET', '/item-feeds')).body.items[0]!
}

test('a feed is taken whole or not at all, and what it leaves out is gone', async () => {
  await world.call('PUT', '/items/own', tea)
  const made = await world.call<{ secret: string }>('PUT', '/item-feeds/shop', { url: feedUrl })
  secret = made.body.secret
  expect(secret).toMatch(/^whsec_/)
  publish('id,name,stock,categories\na,Apple,1,Fruit\nb,Pear,2,Fruit')
  expect(await fetched()).toMatchObject({ items: 2, result: 'taken' })
  expect(await ids()).toEqual(['a', 'b', 'own'])

  publish('id,name,stock\na,Apple,5\nc,,1\nc2,Fig,many\na,Again,1\nown,Mine,1')
  expect(await fetched()).toMatchObject({
    items: 2,
    result: 'refused',
    report: {
      refusedTotal: 3,
      refused: [
        { line: 3, field: 'name', detail: 'an item has a name' },
        { line: 4, field: 'stock', detail: 'many is no number' },
        { line: 5, field: 'id', detail: 'a stands in line 2 already' },
      ],
    },
  })
  expect(await item('a')).toMatchObject({ stock: 1 })

  publish('id,name\nown,Mine')
  expect(await fetched()).toMatchObject({
    result: 'refused',
    report: { refused: [{ line: 2, field: 'id', detail: 'own is an item of another source' }] },
  })
  publish('id,name\n')
  expect(await fetched()).toMatchObject({ result: 'refused', report: { detail: 'it has no items' } })
  expect(await ids()).toEqual(['a', 'b', 'own'])

  // What the API says of a feed's item holds until the next edition.
  await world.call('PATCH', '/items/a', { stock: 0 })
  expect(await item('a')).toMatchObject({ stock: 0 })
  publish('id,name,stock\na,Apple,9\nd,Date,1')
  expect(await fetched()).toMatchObject({ items: 2, result: 'taken' })
  expect(await ids()).toEqual(['a', 'd', 'own'])
  expect(await item('a')).toMatchObject({ stock: 9 })
  const rows = await world.engine.parts.store.read.workspace('main').selectFrom('items').selectAll().execute()
  expect(rows.map(({ item_id, edition }) => `${item_id} ${edition}`).sort()).toEqual([
    'a shop@5',
    'd shop@5',
    'own ',
  ])
})

test('a feed that is not signed by its publisher, or is older than what was taken, changes nothing', async () => {
  const csv = 'id,name\nz,Zebra'
  publish(csv)
  answer.body = 'id,name\nz,Zebu'
  expect(await fetched()).toMatchObject({
    result: 'refused',
    report: { detail: 'the signature does not fit' },
  })
  publish(csv, { key: `whsec_${Buffer.alloc(32, 1).toString('base64')}` })
  expect(await fetched()).toMatchObject({ report: { detail: 'the signature does not fit' } })
  answer.headers = {}
  expect(await fetched()).toMatchObject({ report: { detail: expect.stringContaining('is missing') } })
  publish(csv, { at: signedNow() - 86_400 })
  expect(await fetched()).toMatchObject({ report: { detail: 'it is older than what was taken before' } })
  publish(csv, { at: signedNow() + 3600 })
  expect(await fetched()).toMatchObject({ report: { detail: 'it was signed in the future' } })
  expect(await ids()).toEqual(['a', 'd', 'own'])
})

test('a feed that is the same is not sent again; one that fails leaves what is there', async () => {
  publish('id,name\na,Apple', { etag: '"v1"' })
  expect(await fetched()).toMatchObject({ result: 'taken' })
  const { store } = world.engine.parts
  const dueAgain = () =>
    store.transaction(async (tx) => {
      await tx.workspace('main').updateTable('item_feeds').set({ next_at: 0 }).execute()
    })
  answer = { status: 304, headers: {}, body: '' }
  await dueAgain()
  await world.engine.roles.strategist.feeds.run()
  expect(asked.at(-1)).toMatchObject({ 'if-none-match': '"v1"' })
  for (const [status, headers] of [
    [302, { location: 'http://169.254.169.254/' }],
    [500, {}],
    [200, { 'content-encoding': 'gzip' }],
    [200, { 'content-length': String(80 * 1024 * 1024) }],
  ] as const) {
    answer = { status, headers, body: '' }
    const count = asked.length
    expect(await fetched()).toMatchObject({ result: 'failed', items: 1 })
    expect(asked.length).toBe(count + 1)
  }
  expect(await ids()).toEqual(['a', 'own'])
})

test('a feed of this network is refused unless it is allowed, by its address and by what its name is', async () => {
  const { settings } = world.engine.parts
  settings.feedPrivateHosts = false
  for (const url of [
    'http://127.0.0.1/x',
    'http://[::1]/x',
    'http://localhost/x',
    'http://169.254.169.254/x',
  ]) {
    const put = await world.call<{ field: string }>('PUT', '/item-feeds/other', { url })
    expect(put.body).toMatchObject({ code: 'invalid_request', field: 'url' })
  }
  expect((await world.call('PUT', '/item-feeds/other', { url: 'ftp://shop.example/x' })).status).toBe(400)
  const count = asked.length
  expect(await fetched()).toMatchObject({ result: 'failed', report: { detail: 'private_host' } })
  expect(asked.length).toBe(count)
  settings.feedPrivateHosts = true
})

test('a feed goes with its items', async () => {
  expect((await world.call('DELETE', '/item-feeds/shop')).status).toBe(204)
  expect((await world.call('DELETE', '/item-feeds/shop')).status).toBe(404)
  expect(await ids()).toEqual(['own'])
  const rows = await world.engine.parts.store.read.workspace('main').selectFrom('items').selectAll().execute()
  expect(rows.length).toBe(1)
})

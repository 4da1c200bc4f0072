import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ItemPatch } from '#contracts/item.ts'
import { removeItem, saveItemPatches } from '../../../src/pipeline/change-items.ts'
import { changeSettings } from '../../../src/pipeline/change-workspace.ts'
import { verify } from '../../../src/pipeline/verify.ts'
import {
  customer,
  type EngineWorld,
  hour,
  identify,
  minute,
  openEngineWorld,
  track,
  workspace,
} from './engine-world.ts'

const arms = (treatment: string) =>
  `[{ id: a, share: 1, control: true, treatment: ${treatment} }, { id: b, share: 0, treatment: ${treatment} }]`
const campaign = (id: string, event: string, template: string, offer = 'plain') => `
  - id: ${id}
    name: ${id}
    goal: order
    trigger: { event: ${event} }
    holdout: 0
    policy: { kind: fixed-split, experiment: ${offer} }
    treatments: [{ offer: ${offer}, channel: email, variants: [{ id: a, template: ${template} }] }]`
const file = `
goals: [{ id: order, event: Order Completed, windowHours: 48 }]
offers:
  - { id: plain, name: Plain, value: 10, locales: { de: { name: Einfach } } }
  - { id: named, name: Named, value: 10, item: { property: product_id } }
  - { id: kind, name: Kind, value: 10, item: { category: Fruit } }
templates:
  - id: list
    channel: email
    subject: "You looked at {{items.viewed.0.name}}"
    html: "{{#each items.viewed}}<b>{{name}}</b> {{money price currency}};{{/each}}"
    blocks: { viewed: { min: 2, max: 3 } }
  - id: cart
    channel: email
    subject: Your cart
    text: "{{#each items.cart}}{{name}};{{/each}}{{links.unsubscribe}}"
  - id: more
    channel: email
    subject: More
    text: "{{#each items.recommended}}{{name}};{{/each}}{{links.unsubscribe}}"
    blocks: { recommended: { min: 1, max: 3 } }
  - id: about
    channel: email
    subject: "{{item.name}} for {{money item.price item.currency}}"
    text: "{{offer.name}} {{links.unsubscribe}}"
    locale: en
    locales:
      de: { subject: "{{item.name}} für {{money item.price item.currency}}", text: "{{offer.name}} {{links.unsubscribe}}" }
  - id: hello
    channel: email
    subject: Hello
    text: "{{offer.name}} {{links.unsubscribe}}"
    locales: { de: { subject: Hallo, text: "{{offer.name}} {{links.unsubscribe}}" } }
experiments:
  - { id: plain, arms: ${arms('plain/email')} }
  - { id: named, arms: ${arms('named/email')} }
  - { id: kind, arms: ${arms('kind/email')} }
campaigns:
${campaign('viewed', 'Left', 'list')}
${campaign('cart', 'Cart Left', 'cart')}
${campaign('more', 'Bored', 'more')}
${campaign('named', 'Wished', 'about', 'named')}
${campaign('kind', 'Hungry', 'about', 'kind')}
${campaign('hello', 'Joined', 'hello')}
`

let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld(file)
  await save({
    tea: { name: 'Tea <3', price: 4.5, currency: 'EUR', stock: 5, categories: ['Drink'] },
    cup: { name: 'Cup', price: 8, currency: 'EUR', categories: ['Kitchen'] },
    pot: { name: 'Pot', price: 30, currency: 'EUR', stock: 1, categories: ['Kitchen'], rank: 5 },
    gone: { name: 'Gone', price: 1, currency: 'EUR', stock: 0, categories: ['Kitchen'], rank: 9 },
    apple: { name: 'Apple', price: 1, currency: 'EUR', stock: 2, categories: ['Fruit'], rank: 1 },
    free: { name: 'No price', categories: ['Drink'] },
  })
})
afterAll(() => world.close())

async function save(items: Record<string, ItemPatch>): Promise<void> {
  const { store, clock } = world.engine.parts
  const patches = Object.entries(items).map(([id, patch]) => ({ id, patch }))
  const { refused } = await saveItemPatches(
    { store, clock, wallClock: clock },
    { workspace, actor: 'ann', patches },
  )
  expect(refused).toEqual([])
}

const product = (user: string, event: string, id: string, more: object = {}) =>
  track(user, event, `${user}-${event}-${id}`, { properties: { product_id: id, ...more } })

/** A second later than what was before. */
async function decide(...events: object[]): Promise<void> {
  world.clock.stepTo(world.clock.now() + 1000)
  await world.take(...events)
  await world.decide()
}

const mails = async (user: string) =>
  (await world.rows('outbox'))
    .filter((row) => row.customer_id === customer(user))
    .map(({ subject, html, text }) => {
      const words = (html === '' ? text : html).replace(/<img .*/, '').replace(/ ?http\S+/g, '')
      return `${subject} | ${words}`.replaceAll('\u00a0', ' ')
    })

test('a block shows what the customer saw, the newest first, without what is sold out or lacks what is printed', async () => {
  await decide(identify('ada'))
  await decide(
    product('ada', 'Product Viewed', 'tea', { timestamp: 1 }),
    track('ada', 'Product Viewed', 'v2', { properties: { product_id: 'gone' } }),
    track('ada', 'Product Viewed', 'v3', { properties: { product_id: 'free' } }),
    track('ada', 'Product Viewed', 'v4', { properties: { product_id: 'unheard-of' } }),
  )
  await decide(track('ada', 'Left', 'ada-l1'))
  expect(await world.messagesOf('ada')).toEqual([])
  world.clock.stepTo(world.clock.now() + minute)
  await decide(product('ada', 'Product Viewed', 'pot'))
  // The event that triggers may be the one that completes the list.
  await decide(track('ada', 'Left', 'ada-l2'))
  await world.send()
  expect(await mails('ada')).toEqual(['You looked at Pot | <b>Pot</b> €30.00;<b>Tea &lt;3</b> €4.50;'])
})

test('price and stock are those of the send; too few are left: no send, with the reason', async () => {
  await decide(identify('bea'))
  await decide(product('bea', 'Product Viewed', 'tea'), product('bea', 'Product Viewed', 'cup'))
  await decide(track('bea', 'Left', 'bea-l1'), track('bea', 'Left', 'bea-l2'))
  await save({ tea: { price: 5 } })
  await world.engine.roles.sender.step()
  await world.engine.roles.sender.drain()
  expect((await mails('bea'))[0]).toContain('€5.00')
  await decide(track('bea', 'Left', 'bea-l3'))
  await save({ tea: { stock: 0 } })
  await world.send()
  expect((await world.messagesOf('bea')).at(-1)).toMatchObject({
    state: 'lapsed',
    reason: 'in-stock:too_few_items',
  })
  await save({ tea: { stock: 5 } })
})

test('a cart is what was added and neither taken out nor ordered', async () => {
  await decide(identify('cy'))
  await decide(product('cy', 'Product Added', 'tea'), product('cy', 'Product Added', 'cup'))
  world.clock.stepTo(world.clock.now() + minute)
  await decide(product('cy', 'Product Removed', 'cup'))
  await decide(track('cy', 'Cart Left', 'c1'))
  await world.send()
  expect(await mails('cy')).toEqual(['Your cart | Tea <3;'])
  world.clock.stepTo(world.clock.now() + minute)
  await decide(track('cy', 'Order Completed', 'o1', { properties: { products: [{ product_id: 'tea' }] } }))
  await decide(track('cy', 'Cart Left', 'c2'))
  expect((await world.messagesOf('cy')).length).toBe(1)
})

test('recommended is what can be had of the categories that the customer is drawn to', async () => {
  await decide(identify('dan'))
  await decide(track('dan', 'Bored', 'b1'))
  await decide(product('dan', 'Product Viewed', 'cup', { category: 'Kitchen' }))
  await decide(track('dan', 'Product Added', 'a1', { properties: { product_id: 'tea', category: 'Drink' } }))
  await decide(track('dan', 'Bored', 'b2'))
  await world.send()
  expect(await mails('dan')).toEqual(['More | No price;Pot;Cup;'])
})

test('an offer is about an item: what it says is of the send, and without it there is no offer', async () => {
  await decide(identify('eve', { locale: 'de-AT' }))
  await decide(product('eve', 'Wished', 'gone'), product('eve', 'Wished', 'unheard-of'))
  expect(await world.messagesOf('eve')).toEqual([])
  await decide(product('eve', 'Wished', 'tea'))
  await save({ tea: { price: 1234.5 } })
  await world.send()
  expect(await mails('eve')).toEqual(['Tea <3 für € 1.234,50 | Named'])
  expect((await world.rows('messages')).filter((row) => row.customer_id === customer('eve'))).toMatchObject([
    { locale: 'de' },
  ])
  await decide(product('eve', 'Wished', 'pot'))
  const { store, clock } = world.engine.parts
  await removeItem({ store, clock, wallClock: clock }, { workspace, actor: 'ann', itemId: 'pot' })
  await world.send()
  expect((await world.messagesOf('eve')).at(-1)).toMatchObject({
    state: 'lapsed',
    reason: 'in-stock:item_unknown',
  })
})

test('an offer of a category holds while any of it can be had, and while it is valid', async () => {
  await decide(identify('flo'))
  await decide(track('flo', 'Hungry', 'h1'))
  await world.send()
  expect(await mails('flo')).toEqual(['Apple for €1.00 | Kind'])
  const until = world.clock.now() + hour
  await save({ apple: { validUntil: new Date(until).toISOString() } })
  await decide(track('flo', 'Hungry', 'h2'))
  world.clock.stepTo(until)
  await world.send()
  expect((await world.messagesOf('flo')).at(-1)).toMatchObject({
    state: 'lapsed',
    reason: 'in-stock:sold_out',
  })
  await decide(track('flo', 'Hungry', 'h3'))
  expect((await world.messagesOf('flo')).length).toBe(2)
})

test('the workspace’s locale is what templates are in that do not say; the record names what was used', async () => {
  const { store, clock } = world.engine.parts
  await decide(identify('gus'), identify('hei', { locale: 'de' }), identify('ida', { locale: 'fr' }))
  for (const user of ['gus', 'hei', 'ida']) await decide(track(user, 'Joined', `${user}-j1`))
  await world.send()
  const change = { workspace, actor: 'ann', patch: { locale: 'de' } }
  expect((await changeSettings({ store, clock }, change)).kind).toBe('saved')
  await decide(track('ida', 'Joined', 'ida-j2'))
  await world.send()
  const used = (await world.rows('messages')).filter(({ campaign_id }) => campaign_id === 'hello')
  const of = (user: string) =>
    used
      .filter((row) => row.customer_id === customer(user))
      .sort((a, b) => a.created_at - b.created_at)
      .map(({ locale }) => locale)
  expect([of('gus'), of('hei'), of('ida')]).toEqual([['en'], ['de'], ['en', 'de']])
  expect(await mails('hei')).toEqual(['Hallo | Einfach'])
  const refused = await changeSettings({ store, clock }, { ...change, patch: { locale: 'klingonese' } })
  expect(refused).toMatchObject({ kind: 'refused', fault: { field: 'locale' } })
  expect(world.errors).toEqual([])
})

test('verify finds categories that are not those of their items, and mends them', async () => {
  const { store, clock } = world.engine.parts
  const look = (repair: boolean) =>
    verify({ store, clock, wallClock: clock, eventsKeepDays: 400 }, workspace, { repair })
  const found = async (repair: boolean) =>
    (await look(repair)).differences.filter(({ check }) => check === 'items').map(({ detail }) => detail)
  expect(await found(false)).toEqual([])
  expect((await look(false)).checked.items).toBeGreaterThan(3)
  await store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    await db.deleteFrom('item_categories').where('item_categories.item_id', '=', 'tea').execute()
    const stray = { category: 'Toys', edition: '', item_id: 'bear', rank: 1 }
    await db.bulkInsert('item_categories', [stray], 'fail')
  })
  const wrong = ['is found by none; has Drink (0)', 'is found by Toys (1); there is no such item']
  expect(await found(false)).toEqual(wrong)
  expect(await found(true)).toEqual(wrong)
  expect(await found(false)).toEqual([])
})

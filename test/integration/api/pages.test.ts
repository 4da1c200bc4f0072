import { afterEach, expect, test } from 'vitest'
import { outboxContentSecurityPolicy } from '../../../src/action/outbox-page.ts'
import { adminKey, type DoorWorld, installShop, openDoorWorld } from './door-world.ts'

let world: DoorWorld
afterEach(() => world.close())

const basic = (key: string) => ({ authorization: `Basic ${Buffer.from(`ann:${key}`).toString('base64')}` })
const pages = ['/', '/outbox', '/reports/cart']

test('on a loopback address pages are open; under another name they ask for the key', async () => {
  world = await openDoorWorld()
  await installShop(world)
  for (const path of pages) {
    const page = await world.get(path)
    expect([path, page.status, page.headers.get('content-type')]).toEqual([
      path,
      200,
      'text/html; charset=utf-8',
    ])
  }
})

test.each([
  ['listens for everybody', { host: '0.0.0.0' }],
  ['has a public address', { publicUrl: 'https://starling.example' }],
])('a server that %s asks for the admin key', async (_name, options) => {
  world = await openDoorWorld(options)
  await installShop(world)
  for (const path of pages) {
    const refused = await world.get(path)
    expect([path, refused.status]).toEqual([path, 401])
    expect(refused.headers.get('www-authenticate')).toContain('Basic')
    expect((await world.get(path, basic('shop-id:write-secret'))).status).toBe(401)
    expect((await world.get(path, basic(adminKey))).status).toBe(200)
  }
})

test('the front page says where things stand, and how to begin', async () => {
  world = await openDoorWorld()
  expect(await (await world.get('/')).text()).toContain('starling apply FILE')
  await installShop(world)
  const html = await (await world.get('/')).text()
  expect(html).toContain('<a href="/reports/cart">Cart reminder</a>')
  expect(html).toContain('nothing leaves')
})

test('the outbox shows messages page by page, each once, as customers would see them', async () => {
  world = await openDoorWorld()
  await installShop(world)
  const customers = 60
  for (let i = 0; i < customers; i++) {
    await world.identify(`u${i}`, { email: `u${i}@example.com`, firstName: `<b>${i}</b>` })
    await world.track(`u${i}`, 'Cart Abandoned')
  }
  const seen: string[] = []
  let path = '/outbox'
  for (let page = 0; page < 2; page++) {
    const answer = await world.get(path)
    expect(answer.headers.get('content-security-policy')).toBe(outboxContentSecurityPolicy)
    const html = await answer.text()
    seen.push(...Array.from(html.matchAll(/href="\/outbox\/(\w+)"/g), (match) => match[1] ?? ''))
    path = /href="(\/outbox\?before=[^"]+)"/.exec(html)?.[1] ?? ''
    expect(path === '').toBe(page === 1)
  }
  expect(seen).toHaveLength(customers)
  expect(new Set(seen).size).toBe(customers)

  const message = await world.get(`/outbox/${seen[0]}`)
  expect(message.headers.get('content-security-policy')).toBe(outboxContentSecurityPolicy)
  expect(await message.text()).toContain('sandbox=')
  expect((await world.get('/outbox/none')).status).toBe(404)
  expect((await world.get('/outbox?before=yesterday')).status).toBe(400)
})

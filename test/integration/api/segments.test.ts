import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DoorWorld, openDoorWorld, shopYaml } from './door-world.ts'

let world: DoorWorld
beforeAll(async () => {
  world = await openDoorWorld()
  await world.identify('ada', { plan: 'pro', email: 'Ada@example.com' })
  await world.identify('bob', { plan: 'pro', seats: 2 })
  await world.identify('carol', { plan: 'free' })
  await world.track('bob', 'Order Completed', { revenue: 30 })
  await world.engine.drain()
})
afterAll(() => world.close())

const segments = `
segments:
  - { id: pro, name: Pro, condition: { trait: plan, op: eq, value: pro } }
  - { id: quiet-pro, name: Quiet, condition: { all: [{ segment: pro }, { not: { segment: buyers } }] } }
`

test('a segment is counted and listed as it was applied just now, before anybody has sent an event', async () => {
  const yaml = shopYaml.replace('segments:\n', segments.trimStart())
  expect((await world.call('POST', '/workspace-file', { yaml })).status).toBe(200)
  const size = (id: string) => world.call<{ customers: number }>('GET', `/segments/${id}/size`)
  expect((await size('pro')).body).toEqual({ customers: 2, asOf: new Date(world.clock.now()).toISOString() })
  expect((await size('quiet-pro')).body.customers).toBe(1)
  expect((await size('gone')).body).toMatchObject({ code: 'not_found' })

  const list = (query: string) =>
    world.call<{ items: { customerId: string; email: string }[]; next: string | null }>(
      'GET',
      `/segments/pro/customers${query}`,
    )
  const whole = (await list('')).body
  expect(whole.next).toBeNull()
  expect(whole.items.map(({ email }) => email).sort()).toEqual(['', 'ada@example.com'])
  const first = (await list('?limit=1')).body
  expect(first.items).toEqual(whole.items.slice(0, 1))
  const second = (await list(`?limit=1&after=${first.next}`)).body
  expect(second.items).toEqual(whole.items.slice(1))
  expect((await list(`?after=${second.items[0]!.customerId}`)).body).toEqual({ items: [], next: null })
  expect((await list('?limit=0')).body).toMatchObject({ code: 'invalid_request' })
})

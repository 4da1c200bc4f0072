import { afterAll, beforeAll, expect, test } from 'vitest'
import { runBeside } from '../../support/test-store.ts'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

let world: DoorWorld
beforeAll(async () => {
  world = await openDoorWorld()
  await world.track('u1', 'Order Completed', { revenue: 79.9, currency: 'EUR', email: 'ann@example.com' })
  await world.track('u2', 'Order Completed', { revenue: '5' })
  await world.track('u1', 'Order/Lost?', {})
  await world.identify('u1', { plan: 'pro' })
})
afterAll(() => world.close())

interface Catalogued {
  kind: string
  name: string
  count: number
  firstSeenAt: number
  lastSeenAt: number
  properties: { name: string; types: { type: string; example: string | null }[] }[]
}
interface Page {
  items: Catalogued[]
  nextCursor: string | null
}

test('the catalogue lists what came, page by page', async () => {
  const { body } = await world.call<Page>('GET', '/events/catalogue')
  expect(body.items.map(({ kind, name, count }) => [kind, name, count])).toEqual([
    ['identify', '', 1],
    ['track', 'Order Completed', 2],
    ['track', 'Order/Lost?', 1],
  ])
  expect(body.nextCursor).toBeNull()
  expect(body.items[1]?.lastSeenAt).toBeGreaterThan(body.items[1]!.firstSeenAt)
  expect(body.items[1]?.properties).toMatchObject([
    { name: 'currency', types: [{ type: 'string', example: 'EUR' }] },
    { name: 'email', types: [{ type: 'string', example: null }] },
    {
      name: 'revenue',
      types: [
        { type: 'number', example: '79.9' },
        { type: 'string', example: '5' },
      ],
    },
  ])
  const names: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const path: string = `/events/catalogue?kind=track&limit=1${cursor && `&cursor=${cursor}`}`
    const page: Page = (await world.call<Page>('GET', path)).body
    names.push(...page.items.map(({ name }) => name))
    cursor = page.nextCursor
  }
  expect(names).toEqual(['Order Completed', 'Order/Lost?'])
})

test('one event has its counts by day', async () => {
  const path = `/events/catalogue/track?name=${encodeURIComponent('Order Completed')}`
  const { body } = await world.call<Catalogued & { days: unknown }>('GET', path)
  const today = new Date(world.clock.now()).toISOString().slice(0, 10)
  expect(body).toMatchObject({ count: 2, days: [{ day: today, count: 2 }] })
  expect((await world.call<Catalogued>('GET', '/events/catalogue/identify')).body).toMatchObject({ count: 1 })
})

test.each([
  ['/events/catalogue/track?name=Never', 404, 'not_found'],
  ['/events/catalogue/click', 400, 'invalid_request'],
  ['/events/catalogue?kind=click', 400, 'invalid_request'],
  ['/events/catalogue?cursor=%21', 400, 'invalid_request'],
  ['/events/catalogue?limit=0', 400, 'invalid_request'],
])('%s is %d %s', async (path, status, code) => {
  expect(await world.call('GET', path)).toMatchObject({ status, body: { code } })
})

test('a count that drifted is named by verify, and mended', async () => {
  interface Verification {
    checked: { catalogue: number }
    differences: { check: string; id: string; detail: string }[]
    differencesCount: number
  }
  const verify = async (repair: boolean) =>
    (await world.call<Verification>('POST', '/verify', { repair })).body
  expect(await verify(false)).toMatchObject({ differencesCount: 0, checked: { catalogue: 3 } })
  await runBeside(
    world.dataDir,
    `update event_counts set events_count = 7 where name = 'Order Completed';
     delete from event_counts where kind = 'identify'`,
  )
  const found = await verify(false)
  expect(found.differences.map(({ check, id }) => `${check}: ${id}`)).toEqual([
    'catalogue: identify',
    'catalogue: track Order Completed',
  ])
  expect(found.differences[1]?.detail).toMatch(/^counts 7 from \d+ to \d+ on day \d+; its events are 2 from/)
  expect(await verify(true)).toMatchObject({ differencesCount: 2, repairedCount: 2 })
  expect(await verify(false)).toMatchObject({ differencesCount: 0 })
  // And it is counted on from there.
  await world.track('u3', 'Order Completed', {})
  expect(await verify(false)).toMatchObject({ differencesCount: 0 })
})

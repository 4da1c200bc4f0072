import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { JSDOM } from 'jsdom'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProductEventPayload } from '#contracts/event.ts'
import { type ApiWorld, createApiWorld, writeKey } from './api-world.ts'

/**
 * The browser client of Segment as it is on npm, in a page of another origin. jsdom has no fetch: the
 * client falls back to XMLHttpRequest, whose CORS rules jsdom enforces, preflight included.
 */
const umd = join(
  dirname(createRequire(import.meta.url).resolve('@segment/analytics-next')),
  '../umd/index.js',
)

let world: ApiWorld
let page: JSDOM
const problems: string[] = []
beforeEach(async () => {
  world = await createApiWorld()
  page = new JSDOM('<!doctype html><title>Shoes</title>', {
    url: 'https://shop.example/shoes',
    runScripts: 'outside-only',
  })
  page.virtualConsole.on('jsdomError', (error) => problems.push(String(error)))
  page.window.eval(readFileSync(umd, 'utf8'))
})
afterEach(async () => {
  page.window.close()
  await world.close()
})

interface Client {
  identify(userId: string, traits: object): Promise<unknown>
  track(name: string, properties: object): Promise<unknown>
  page(name: string): Promise<unknown>
  screen(name: string): Promise<unknown>
  group(groupId: string, traits: object): Promise<unknown>
  alias(to: string): Promise<unknown>
}

interface Loaded {
  AnalyticsNext: { AnalyticsBrowser: { load(settings: object): Promise<[Client]> } }
}

async function load(deliveryStrategy?: object): Promise<Client> {
  const { AnalyticsBrowser } = (page.window as unknown as Loaded).AnalyticsNext
  const [client] = await AnalyticsBrowser.load({
    writeKey,
    cdnSettings: {
      integrations: {
        'Segment.io': {
          apiKey: writeKey,
          apiHost: `127.0.0.1:${world.port}/v1`,
          protocol: 'http',
          ...(deliveryStrategy === undefined ? {} : { deliveryStrategy }),
        },
      },
    },
  })
  return client
}

async function callAll(client: Client): Promise<void> {
  await client.page('Shoes')
  await client.alias('u1')
  await client.track('Product Viewed', { price: 79.9 })
  await client.identify('u1', { email: 'ann@example.com' })
  await client.group('g1', { plan: 'pro' })
  await client.screen('Basket')
}

const kinds = ['alias', 'group', 'identify', 'page', 'screen', 'track']

test.each([
  ['one request an event', undefined],
  ['batches', { strategy: 'batching', config: { size: 6, timeout: 60_000 } }],
])('all six calls arrive, in %s', async (_name, strategy) => {
  await callAll(await load(strategy))
  await world.appended(6)
  const records = await world.records()
  expect(records.map((record) => record.kind).toSorted()).toEqual(kinds)
  const payload = (kind: string) =>
    records.find((record) => record.kind === kind)!.payload as ProductEventPayload
  expect(payload('page')).toMatchObject({ name: 'Shoes', properties: { url: 'https://shop.example/shoes' } })
  expect(payload('track')).toMatchObject({ name: 'Product Viewed', properties: { price: 79.9 } })
  expect(payload('track').anonymousId).toMatch(/^[0-9a-f-]{36}$/)
  expect(payload('identify')).toMatchObject({ userId: 'u1', traits: { email: 'ann@example.com' } })
  expect(payload('identify').mergeFrom).toHaveLength(1)
  // Without a user yet, the client's previousId is an anonymous id.
  const { anonymousId } = payload('track')
  expect(payload('alias')).toMatchObject({ userId: 'u1', previousId: anonymousId })
  expect(world.errors).toEqual([])
  expect(problems).toEqual([])
})

test('it asks us for its settings instead of a CDN, and sends where they say', async () => {
  await world.close()
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  world = await createApiWorld({ port })
  const { AnalyticsBrowser } = (page.window as unknown as Loaded).AnalyticsNext
  const [client] = await AnalyticsBrowser.load({ writeKey, cdnURL: world.url })
  await client.track('Product Viewed', {})
  await world.appended(1)
  expect((await world.records())[0]?.payload).toMatchObject({ name: 'Product Viewed' })
  expect(problems).toEqual([])
})

/** Once a user is known this client puts their id over alias's own, so that it names one id twice. */
test('an alias of a known user is taken and links nothing', async () => {
  const client = await load()
  await client.identify('u1', {})
  await client.alias('u2')
  await world.appended(2)
  const alias = (await world.records()).find((record) => record.kind === 'alias')!
    .payload as ProductEventPayload
  expect(alias).toMatchObject({ userId: 'u1', previousId: 'u1' })
  expect(alias.mergeFrom).toBeUndefined()
})

test('a 429 is sent again after Retry-After, which CORS lets the page read', async () => {
  const client = await load({ strategy: 'batching', config: { size: 1 } })
  world.refusals.push({ kind: 'full', retryAfterSeconds: 1 })
  const startedAt = performance.now()
  await client.track('Product Viewed', {})
  await world.appended(1)
  expect(performance.now() - startedAt).toBeGreaterThan(990)
  expect((await world.records())[0]?.payload).toMatchObject({ name: 'Product Viewed' })
  expect(problems).toEqual([])
})

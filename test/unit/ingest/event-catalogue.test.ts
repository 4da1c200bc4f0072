import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CustomerEvent, ProductEventPayload } from '#contracts/event.ts'
import type { Store } from '#platform/store/store.ts'
import { deleteCountsBefore, namesCountedBefore } from '../../../src/ingest/catalogue/catalogue-rows.ts'
import { createEventCatalogue, type EventCatalogue } from '../../../src/ingest/catalogue/event-catalogue.ts'
import { exampleOf } from '../../../src/ingest/catalogue/property-example.ts'
import { listCatalogue, loadCatalogued } from '../../../src/ingest/catalogue/read-catalogue.ts'
import { openTestStore } from '../../support/test-store.ts'

let folder: string
let store: Store
let catalogue: EventCatalogue
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-catalogue-'))
  store = await openTestStore(folder)
  catalogue = createEventCatalogue()
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

const dayMs = 86_400_000
const noon = Date.UTC(2026, 5, 2, 12)

function event(
  kind: CustomerEvent['kind'],
  payload: ProductEventPayload,
  { occurredAt = noon, receivedAt = noon } = {},
): CustomerEvent {
  return { v: 1, workspace: 'shop', eventId: 'e', customerId: 'c', kind, occurredAt, receivedAt, payload }
}

/** A batch of a partition, as the worker commits one. */
async function take(events: CustomerEvent[], partition = 0, by = catalogue): Promise<void> {
  await store.transaction(async (tx) => {
    by.begin()
    await by.take(tx.workspace('shop'), partition, events)
  })
  by.committed()
}

const list = (workspace = 'shop') => listCatalogue(store.read.workspace(workspace), { limit: 100 })
const one = (kind: string, name: string) => loadCatalogued(store.read.workspace('shop'), { kind, name })

test('names, counts by day, first and last, properties with their types and an example', async () => {
  const viewed = (
    properties: ProductEventPayload['properties'],
    at: { occurredAt?: number; receivedAt?: number },
  ) => event('track', { name: 'Product Viewed', ...(properties && { properties }) }, at)
  await take([
    viewed(
      { price: 79.9, colour: 'red', inStock: true, email: 'ann@example.com' },
      { occurredAt: noon - 5000 },
    ),
    viewed({ price: '79.90', tags: ['new'], more: {}, none: null }, {}),
  ])
  await take([viewed(undefined, { occurredAt: noon - 9000, receivedAt: noon + dayMs })], 3)
  await take([event('page', {}), event('identify', { traits: { plan: 'pro', email: 'ann@example.com' } })])
  expect(await one('track', 'Product Viewed')).toEqual({
    kind: 'track',
    name: 'Product Viewed',
    eventsCount: 3,
    firstOccurredAt: noon - 9000,
    lastOccurredAt: noon,
    days: [
      { dayUtc: noon / dayMs - 0.5, eventsCount: 2 },
      { dayUtc: noon / dayMs + 0.5, eventsCount: 1 },
    ],
    properties: [
      { property: 'colour', types: [{ type: 'string', example: 'red', firstOccurredAt: noon - 5000 }] },
      { property: 'email', types: [{ type: 'string', example: '', firstOccurredAt: noon - 5000 }] },
      { property: 'inStock', types: [{ type: 'boolean', example: 'true', firstOccurredAt: noon - 5000 }] },
      { property: 'more', types: [{ type: 'object', example: '', firstOccurredAt: noon }] },
      { property: 'none', types: [{ type: 'null', example: '', firstOccurredAt: noon }] },
      {
        property: 'price',
        types: [
          { type: 'number', example: '79.9', firstOccurredAt: noon - 5000 },
          { type: 'string', example: '79.90', firstOccurredAt: noon },
        ],
      },
      { property: 'tags', types: [{ type: 'array', example: '', firstOccurredAt: noon }] },
    ],
  })
  // A trait describes a person: there is no example of any.
  expect((await one('identify', ''))?.properties.map(({ types }) => types[0]?.example)).toEqual(['', ''])
  expect((await list()).map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'identify ',
    'page ',
    'track Product Viewed',
  ])
  expect(await list('other')).toEqual([])
  expect(await one('track', 'Never')).toBeNull()
})

test('pages follow each other without a gap', async () => {
  await take(['b', 'a', 'c', 'ä'].flatMap((name) => [event('track', { name }), event('page', { name })]))
  const names: string[] = []
  let after: { kind: string; name: string } | undefined
  for (;;) {
    const page = await listCatalogue(store.read.workspace('shop'), { limit: 3, ...(after && { after }) })
    names.push(...page.map(({ kind, name }) => `${kind} ${name}`))
    after = page.at(-1)
    if (after === undefined) break
  }
  expect(names).toEqual(['page a', 'page b', 'page c', 'page ä', 'track a', 'track b', 'track c', 'track ä'])
})

test('counts are those of the events, however they come in batches, partitions and restarts', async () => {
  const kinds = fc.constantFrom('track' as const, 'page' as const)
  const arbitraryEvent = fc.record({
    kind: kinds,
    name: fc.constantFrom('A', 'B', ''),
    day: fc.nat(2),
    ago: fc.nat(10_000),
    partition: fc.nat(2),
  })
  const step = fc.record({
    events: fc.array(arbitraryEvent, { maxLength: 8 }),
    restart: fc.boolean(),
    fails: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
      await store.transaction(async (tx) => {
        await tx.workspace('shop').deleteFrom('event_counts').execute()
        await tx.workspace('shop').deleteFrom('event_properties').execute()
      })
      catalogue = createEventCatalogue()
      const counted: CustomerEvent[] = []
      for (const { events, restart, fails } of steps) {
        if (restart) catalogue = createEventCatalogue()
        for (const [partition, own] of Map.groupBy(events, (item) => item.partition)) {
          const made = own.map(({ kind, name, day, ago }) =>
            event(
              kind,
              { ...(name !== '' && { name }), properties: { [`p${ago % 3}`]: 1 } },
              { occurredAt: noon - ago, receivedAt: noon + day * dayMs },
            ),
          )
          if (fails) {
            // The transaction is rolled back after the catalogue was written.
            const failed = store.transaction(async (tx) => {
              catalogue.begin()
              await catalogue.take(tx.workspace('shop'), partition, made)
              throw new Error('lost')
            })
            await expect(failed).rejects.toThrow('lost')
          }
          await take(made, partition)
          counted.push(...made)
        }
      }
      const expected = [...Map.groupBy(counted, ({ kind, payload }) => `${kind} ${payload.name ?? ''}`)]
        .map(([name, own]) => ({
          name,
          count: own.length,
          first: Math.min(...own.map(({ occurredAt }) => occurredAt)),
          last: Math.max(...own.map(({ occurredAt }) => occurredAt)),
          properties: [
            ...new Set(own.flatMap(({ payload }) => Object.keys(payload.properties ?? {}))),
          ].toSorted(),
        }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      expect(
        (await list()).map((own) => ({
          name: `${own.kind} ${own.name}`,
          count: own.eventsCount,
          first: own.firstOccurredAt,
          last: own.lastOccurredAt,
          properties: own.properties.map(({ property }) => property),
        })),
      ).toEqual(expected)
    }),
    { numRuns: 25 },
  )
})

test('at most 200 properties of a name are noted, and long names are cut', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`p${String(i).padStart(3, '0')}`, i]),
  )
  await take([event('track', { name: 'Many', properties: many })])
  await take([event('track', { name: 'Many', properties: { another: 1 } })], 0, createEventCatalogue())
  expect((await one('track', 'Many'))?.properties).toHaveLength(200)
  await take([event('track', { name: 'Long', properties: { [`${'x'.repeat(127)}😀`]: 1 } })])
  expect((await one('track', 'Long'))?.properties[0]?.property).toBe(`${'x'.repeat(127)}\ufffd`)
})

test('days that are kept no longer go, and with the last of them the properties', async () => {
  await take([
    event('track', { name: 'Old', properties: { a: 1 } }, { receivedAt: noon - 2 * dayMs }),
    event('track', { name: 'Both', properties: { a: 1 } }, { receivedAt: noon - 2 * dayMs }),
    event('track', { name: 'Both' }),
  ])
  const today = Math.floor(noon / dayMs)
  const names = await namesCountedBefore(store.read.workspace('shop'), today, 10)
  expect(names.map(({ name }) => name).toSorted()).toEqual(['Both', 'Old'])
  for (const name of names) {
    await store.transaction((tx) => deleteCountsBefore(tx.workspace('shop'), name, today))
  }
  expect(await list()).toMatchObject([{ name: 'Both', eventsCount: 1, properties: [{ property: 'a' }] }])
  const left = await store.read
    .workspace('shop')
    .selectFrom('event_properties')
    .selectAll('event_properties')
    .execute()
  expect(left.map(({ name }) => name)).toEqual(['Both'])
})

describe('an example', () => {
  test.each([
    ['price', 79.9, '79.9'],
    ['currency', 'EUR', 'EUR'],
    ['isGift', false, 'false'],
    ['category', 'shoes / running', 'shoes / running'],
    ['placedOn', '2026-06-02', '2026-06-02'],
  ])('of %s may be %j', (property, value, example) => {
    expect(exampleOf(property, value)).toBe(example)
  })

  test.each([
    ['email', 'ann@example.com'],
    ['contactEmail', 'ann'],
    ['phone_number', '12'],
    ['first_name', 'Ann'],
    ['firstName', 'Ann'],
    ['names', 'Ann'],
    ['shipping-address', 'Elm Road'],
    ['postalCode', 'SW1A'],
    ['user_id', 'u1'],
    ['ip', '::1'],
    ['query', 'diabetes shoes'],
    ['note', 'call me'],
    ['$current_url', '/a'],
    // Whatever the key says:
    ['to', 'ann@example.com'],
    ['to', 'Ann Lee'],
    ['to', 'José García-Márquez'],
    ['reached', '+44 20 7946 09581'],
    ['reached', 442_079_460_958],
    ['ref', 'https://shop.example/t/5'],
    ['long', 'x'.repeat(41)],
    ['more', { email: 'ann@example.com' }],
    ['tags', ['ann@example.com']],
  ])('of %s is never %j', (property, value) => {
    expect(exampleOf(property, value)).toBe('')
  })
})

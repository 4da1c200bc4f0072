import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import { createRejectedEvents } from '../../../src/api/rejected-events.ts'
import { rejectedEventRoutes } from '../../../src/api/routes/rejected-event-routes.ts'
import { insertRejected, rejectedRow } from '../../../src/pipeline/rejected-event-rows.ts'
import { openTestStore } from '../../support/test-store.ts'
import { type ApiWorld, adminKey, createApiWorld, writeKey } from './api-world.ts'

/** Only an accepted event goes back into the log by itself: see test/integration/api. */
const notCalled = { append: () => Promise.reject(new Error('not called here')) }

let world: ApiWorld
let store: Store
let folder: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-rejected-'))
  store = await openTestStore(folder)
  world = await createApiWorld({
    adminRoutes: (ingest) => [
      rejectedEventRoutes(
        createRejectedEvents({ store, ingest, log: notCalled, wallClock: { now: Date.now } }),
      ),
    ],
  })
})
afterEach(async () => {
  await world.close()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Page {
  items: { id: string; code: string; field: string; body: string; replayedAt: number | null }[]
  nextCursor: string | null
}

async function call(
  method: string,
  path: string,
  body?: object,
  key = adminKey,
): Promise<{ status: number; body: never }> {
  const response = await fetch(`${world.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as never }
}

/** Sends events through the door, and stores the refused ones as the worker does. */
async function refuse(events: unknown[]): Promise<void> {
  await fetch(`${world.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch: events, writeKey }) })
  const rows = (await world.records()).filter((record) => record.kind === 'rejected').map(rejectedRow)
  await store.transaction((tx) => insertRejected(tx.workspace('shop'), rows))
}

test('refused events are listed page by page, each once', async () => {
  await refuse(Array.from({ length: 5 }, (_, i) => ({ type: 'track', userId: `u${i}` })))
  const seen: string[] = []
  let path = '/rejected-events?limit=2'
  for (let pages = 0; pages < 3; pages++) {
    const page: Page = (await call('GET', path)).body
    seen.push(...page.items.map((item) => JSON.parse(item.body).userId))
    path = `/rejected-events?limit=2&cursor=${page.nextCursor}`
    expect(page.nextCursor === null).toBe(pages === 2)
  }
  expect(seen.toSorted()).toEqual(['u0', 'u1', 'u2', 'u3', 'u4'])
})

test('a corrected event is taken once; as it was it is refused again, by name', async () => {
  await refuse([{ type: 'track', userId: 'u1' }])
  const { items }: Page = (await call('GET', '/rejected-events')).body
  const path = `/rejected-events/${items[0]?.id}/replay`
  expect(await call('POST', path)).toMatchObject({ status: 422, body: { field: 'event' } })
  expect(
    await call('POST', path, { event: { type: 'track', userId: 'u1', event: 'A', messageId: 'm1' } }),
  ).toEqual({
    status: 200,
    body: { success: true },
  })
  expect(await call('POST', path)).toMatchObject({ status: 409, body: { code: 'conflict' } })
  expect((await world.records()).map((record) => record.kind).toSorted()).toEqual(['rejected', 'track'])
  const page: Page = (await call('GET', '/rejected-events')).body
  expect(page.items[0]?.replayedAt).toBeTypeOf('number')
})

test('faults of the admin API are problems with the field at fault', async () => {
  expect(await call('GET', '/rejected-events?limit=0')).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', field: 'limit' },
  })
  expect(await call('GET', '/rejected-events?cursor=x')).toMatchObject({
    status: 400,
    body: { field: 'cursor' },
  })
  expect(await call('POST', '/rejected-events/none/replay')).toMatchObject({
    status: 404,
    body: { code: 'not_found' },
  })
  expect(await call('GET', '/rejected-events', undefined, writeKey)).toMatchObject({
    status: 401,
    body: { code: 'invalid_key' },
  })
  expect(world.errors).toEqual([])
})

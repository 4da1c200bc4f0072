import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CliWorld, openCliWorld } from '../integration/cli/cli-world.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'

/** The disk takes some more after it was filled: SQLite overwrites what it has allocated. */
const batchesMax = 5000
const eventsPerBatch = 20

let disk: SmallDisk
let world: CliWorld
let dataDir: string
let environment: { STARLING_DATA_DIR: string }
beforeEach(() => {
  disk = mountSmallDisk(64)
  world = openCliWorld()
  dataDir = join(disk.path, 'data')
  mkdirSync(dataDir)
  environment = { STARLING_DATA_DIR: dataDir }
})
afterEach(async () => {
  await world.close()
  disk.unmount()
})

test('a full disk under log and store: the door says 503 and why, then 200 again, and nothing acknowledged is lost', async () => {
  const door = openDoor(await world.serve(environment))
  for (let i = 0; i < 10; i++) expect(await door.send()).toMatchObject({ status: 200 })
  disk.fill()
  const refusals = await door.sendUntilRefused()
  expect(refusals).toMatchObject({
    status: 503,
    type: 'application/problem+json; charset=utf-8',
    problem: {
      code: 'unavailable',
      status: 503,
      detail: expect.stringMatching(/^the disk is full \(SQLite 13\)/),
    },
  })
  for (let i = 0; i < 5; i++) expect((await door.send()).status).toBe(503)
  expect((await fetch(`${door.url}/healthz`)).status).toBe(200)

  disk.makeRoom()
  expect((await door.send()).status).toBe(200)
  // What was refused is sent again, as a client does.
  for (const batch of door.refused.splice(0)) expect((await door.send(batch)).status).toBe(200)
  await door.untilApplied()
  await world.stop()
  expectApplied(door.acknowledged)
  expect(await world.run(['verify'], { environment })).toMatchObject({ code: 0 })
})

test('a full disk under the store alone: the log goes on taking events, a no is not acknowledged, and all is applied when there is room', async () => {
  symlinkSync(join(world.folder, 'log.db'), join(dataDir, 'log.db'))
  const door = openDoor(await world.serve(environment))
  expect(await door.send()).toMatchObject({ status: 200 })
  await door.untilApplied()
  disk.fill()
  let answer = await door.optOut()
  for (let i = 0; i < batchesMax && answer.status === 200; i++) {
    expect(await door.send()).toMatchObject({ status: 200 })
    answer = await door.optOut()
  }
  expect(answer).toMatchObject({
    status: 503,
    type: 'application/problem+json; charset=utf-8',
    problem: { code: 'unavailable', detail: expect.stringMatching(/disk is full/) },
  })
  for (let i = 0; i < 20; i++) expect(await door.send()).toMatchObject({ status: 200 })
  expect(await door.lag()).toBeGreaterThan(0)
  // It says who they are: that is written to the store before the event is taken.
  expect(await door.send([link('new-device', 'new-customer')])).toMatchObject({ status: 503 })

  disk.makeRoom()
  expect((await door.optOut()).status).toBe(200)
  expect(await door.send([link('new-device', 'new-customer')])).toMatchObject({ status: 200 })
  await door.untilApplied()
  await world.stop()
  expectApplied(door.acknowledged)
  expect(await world.run(['verify'], { environment })).toMatchObject({ code: 0 })
})

interface Event {
  messageId: string
}

function openDoor(url: string) {
  const acknowledged: string[] = []
  const refused: Event[][] = []
  let count = 0
  const call = async (method: string, path: string, json?: unknown) => {
    const response = await fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json', authorization: 'Bearer cli-admin-key' },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    })
    const body = await response.json()
    return { status: response.status, type: response.headers.get('content-type'), problem: body, body }
  }
  const newBatch = (): Event[] =>
    Array.from({ length: eventsPerBatch }, () => {
      count++
      return {
        type: 'track',
        messageId: `e${count}`,
        userId: `customer-${count % 50}`,
        event: 'Product Viewed',
        properties: { note: 'x'.repeat(300) },
      }
    })
  const door = {
    url,
    acknowledged,
    refused,
    async send(batch: Event[] = newBatch()) {
      const answer = await call('POST', '/v1/batch', { batch, writeKey: 'cli-write-key' })
      if (answer.status === 200) acknowledged.push(...batch.map(({ messageId }) => messageId))
      else refused.push(batch)
      return answer
    },
    async sendUntilRefused() {
      for (let i = 0; i < batchesMax; i++) {
        const answer = await door.send()
        if (answer.status !== 200) return answer
      }
      throw new Error('the disk never became full')
    },
    optOut: () =>
      call('PUT', '/api/v1/customers/customer-1/consents/email', { state: 'denied', source: 'test' }),
    lag: async () => (await call('GET', '/api/v1/status')).body.logLag as number,
    async untilApplied() {
      while ((await door.lag()) > 0);
    },
  }
  return door
}

function link(anonymousId: string, userId: string): Event {
  return { type: 'identify', messageId: `link-${userId}`, anonymousId, userId, traits: {} } as Event
}

function expectApplied(acknowledged: string[]): void {
  const store = new DatabaseSync(join(dataDir, 'store.db'), { readOnly: true })
  const applied = new Set(
    store
      .prepare('select events.event_id from events')
      .all()
      .map((row) => row.event_id),
  )
  expect(acknowledged.filter((id) => !applied.has(id))).toEqual([])
  expect(store.prepare('select count(*) as n from rejected_events').get()).toEqual({ n: 0 })
  store.close()
}

import { afterEach, beforeEach, expect, test } from 'vitest'
import { saleFile } from '../broadcast/broadcast-world.ts'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
  await world.call('POST', '/workspace-file', { yaml: saleFile('{ pace: { perMinute: 60 } }') })
  for (const user of ['ann', 'bob', 'cyd'])
    await world.identify(user, { plan: 'free', email: `${user}@example.com` })
})
afterEach(() => world.close())

const post = (action: string, body?: object) => world.call('POST', `/broadcasts/sale/${action}`, body)
const faultOf = ({ status, body }: { status: number; body: { code?: string } }) => [status, body.code]

async function later(seconds: number): Promise<void> {
  world.clock.stepTo(world.clock.now() + seconds * 1000)
  await world.engine.drain()
}

test('a broadcast from its start to its end', async () => {
  await world.call('POST', '/campaigns/sale/approve', { actor: 'ann' })
  expect(faultOf(await world.call('GET', '/broadcasts/sale'))).toEqual([404, 'not_found'])
  expect((await post('start', { actor: 'ann', note: 'spring' })).body).toEqual({
    id: 'sale',
    run: 1,
    version: 3,
    customers: 3,
  })
  await later(1)
  const now = world.clock.now()
  expect((await world.call('GET', '/broadcasts/sale')).body).toEqual({
    campaignId: 'sale',
    run: 1,
    state: 'running',
    actor: 'ann',
    startedAt: now - 1000,
    startsAt: now - 1000,
    endedAt: null,
    customers: 3,
    looked: 1,
    audience: { counted: 1, expected: 3, waiting: 0 },
    decided: 1,
    queued: 1,
    heldOut: 0,
    refused: 0,
    nothing: 0,
    messages: { sent: 1 },
    expectedEndAt: now + 2000,
    expectedSentAt: null,
  })
  expect((await post('pause', { note: 'wrong price' })).body).toEqual({
    id: 'sale',
    version: 4,
    state: 'paused',
    alreadySending: [],
  })
  await later(60)
  expect((await world.call('GET', '/broadcasts/sale')).body).toMatchObject({ state: 'paused', decided: 1 })
  expect((await post('resume')).body).toMatchObject({ state: 'live' })
  await later(1)
  expect((await post('cancel')).body).toMatchObject({ state: 'ended', alreadySending: [] })
  await later(60)
  expect((await world.call('GET', '/broadcasts/sale')).body).toMatchObject({
    state: 'cancelled',
    decided: 2,
    messages: { sent: 2 },
  })
})

test('what does not fit is refused, and says why', async () => {
  expect(faultOf(await post('start'))).toEqual([409, 'campaign_not_approved'])
  expect(faultOf(await post('pause'))).toEqual([404, 'not_found'])
  await world.call('POST', '/campaigns/sale/approve', { actor: 'ann' })
  await world.call('POST', '/campaigns/sale/launch')
  expect(faultOf(await post('pause'))).toEqual([409, 'conflict'])
  expect((await post('start')).status).toBe(200)
  expect(faultOf(await post('start'))).toEqual([409, 'conflict'])
  expect(faultOf(await post('resume'))).toEqual([409, 'conflict'])
  await later(60)
  expect((await world.call('GET', '/broadcasts/sale')).body).toMatchObject({ state: 'done', queued: 3 })
  expect(faultOf(await post('start'))).toEqual([409, 'conflict'])
  expect((await post('start', { again: true })).body).toMatchObject({ run: 2 })
  expect(faultOf(await world.call('POST', '/broadcasts/none/start'))).toEqual([404, 'not_found'])
  const mixed = saleFile('{ atLocal: { at: "09:00" }, pace: { until: 2027-03-21T12:00:00Z } }')
  const refused = await world.call('POST', '/workspace-file', { yaml: mixed })
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([
    422,
    expect.stringContaining('campaigns[0].trigger.broadcast.pace.until'),
  ])
})

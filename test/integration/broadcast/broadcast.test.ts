import { afterEach, describe, expect, test } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import {
  customer,
  type EngineWorld,
  hour,
  identify,
  minute,
  openEngineOn,
  openEngineWorld,
  start,
} from '../pipeline/engine-world.ts'
import {
  decidedAt,
  introduce,
  moveSale,
  progressOf,
  saleFile,
  startSale,
  users,
  work,
} from './broadcast-world.ts'

let world: EngineWorld
afterEach(async () => {
  expect(world.errors).toEqual([])
  await world.close()
})

const states = async () =>
  (await world.rows('messages')).map(({ state, reason }) => `${state} ${reason}`.trim())
const counted = (values: string[]) =>
  Object.fromEntries([...Map.groupBy(values, (value) => value)].map(([value, own]) => [value, own.length]))

describe('a broadcast', () => {
  test('reaches everybody of its audience once, and counts what it did', async () => {
    // Held out by the stable hash: some of them.
    world = await openEngineWorld(saleFile().replace('holdout: 0', 'holdout: 0.3'))
    await introduce(world, users(700))
    await introduce(world, users(60, 700), { plan: 'paid' })
    await introduce(world, users(20, 760), { plan: 'free', email: 'none' })
    expect(await world.rows('decisions')).toEqual([])
    expect(await startSale(world)).toMatchObject({ kind: 'started', run: 1, customers: 780 })
    await work(world)
    const decisions = await world.rows('decisions')
    expect(decisions).toHaveLength(720)
    expect(new Set(decisions.map((row) => row.customer_id)).size).toBe(720)
    const by = counted(decisions.map((row) => row.outcome))
    const progress = await progressOf(world)
    expect(progress).toMatchObject({
      state: 'done',
      customers: 780,
      looked: 780,
      audience: { counted: 720, expected: 720, waiting: 0 },
      decided: 720,
      queued: by.treatment,
      heldOut: by['held-out'],
      refused: 20,
      messages: { queued: by.treatment },
      expectedEndAt: null,
    })
    expect(progress.heldOut).toBeGreaterThan(150)
    await world.send()
    expect((await progressOf(world)).messages).toEqual({ sent: by.treatment })
    await work(world)
    expect(await world.rows('decisions')).toHaveLength(720)
  })

  test('a segment that nobody was looked at for counts as it is now', async () => {
    world = await openEngineWorld('')
    await introduce(world, users(3))
    await world.apply(saleFile())
    await startSale(world)
    await work(world)
    expect((await progressOf(world)).queued).toBe(3)
  })

  test('is started once, by an approved version, and again only where that is said', async () => {
    world = await openEngineWorld(saleFile())
    await introduce(world, users(2))
    await startSale(world)
    expect(await startSale(world)).toMatchObject({ fault: { code: 'conflict' } })
    await work(world)
    expect(await startSale(world)).toMatchObject({ fault: { code: 'conflict', field: 'again' } })
    expect(await startSale(world, true)).toMatchObject({ kind: 'started', run: 2 })
    await work(world)
    expect(Object.values(await decidedAt(world, users(2))).map((own) => own.length)).toEqual([2, 2])
  })

  test('a transaction that fails takes its customers along, and the next one has them all', async () => {
    let left = 3
    const wrapStore = (store: Store): Store => ({
      ...store,
      transaction: (work) =>
        store.transaction(async (tx) => {
          const result = await work(tx)
          if (isFed && left-- === 1) throw new Error('the power is gone')
          return result
        }),
    })
    let isFed = false
    const { mkdtempSync } = await import('node:fs')
    world = await openEngineOn(mkdtempSync('/tmp/starling-broadcast-'), { yaml: saleFile(), wrapStore })
    await introduce(world, users(400))
    await startSale(world)
    isFed = true
    await expect(work(world)).rejects.toThrow('the power is gone')
    const before = await world.rows('decisions')
    expect(before.length).toBeGreaterThan(0)
    expect(before.length).toBeLessThan(400)
    await work(world)
    const after = await world.rows('messages')
    expect([after.length, new Set(after.map((row) => row.customer_id)).size]).toEqual([400, 400])
  })

  test('two who turn out to be one are not reached twice', async () => {
    world = await openEngineWorld(saleFile('{ pace: { perMinute: 1 } }'))
    // The anonymous one comes first or last, as their ids fall.
    await world.take({
      type: 'identify',
      messageId: 'a1',
      anonymousId: 'a',
      traits: { plan: 'free', email: 'a@x.org' },
    })
    await world.take({
      type: 'identify',
      messageId: 'b1',
      userId: 'b',
      traits: { plan: 'free', email: 'b@x.org' },
    })
    await work(world)
    await startSale(world)
    world.clock.stepTo(start + minute)
    await work(world)
    expect(await world.rows('decisions')).toHaveLength(1)
    await world.take({ type: 'identify', messageId: 'ab', userId: 'b', anonymousId: 'a' })
    world.clock.stepTo(start + 5 * minute)
    await work(world)
    const own = (await world.rows('decisions')).filter((row) => row.trigger_id.startsWith('sale:'))
    expect(own.map((row) => row.customer_id)).toEqual([customer('b')])
    expect((await progressOf(world)).state).toBe('done')
  })
})

describe('the pace', () => {
  test('so many a minute, and after an absence no more than a minute of them at once', async () => {
    world = await openEngineWorld(saleFile('{ pace: { perMinute: 30 } }'))
    await introduce(world, users(200))
    await startSale(world)
    const queued: number[] = []
    for (let seconds = 0; seconds <= 120; seconds += 2) {
      world.clock.stepTo(start + seconds * 1000)
      await work(world)
      queued.push((await world.rows('messages')).length)
    }
    expect(queued).toEqual(Array.from({ length: 61 }, (_, i) => i))
    expect((await progressOf(world)).expectedEndAt).toBe(start + 120_000 + (140 / 30) * minute)
    world.clock.stepTo(start + hour)
    await work(world)
    expect(await world.rows('messages')).toHaveLength(90)
    await work(world)
    expect(await world.rows('messages')).toHaveLength(90)
  })

  test('evenly until an instant, also around a pause', async () => {
    world = await openEngineWorld(saleFile(`{ pace: { until: "${new Date(start + hour).toISOString()}" } }`))
    await introduce(world, users(120))
    await startSale(world)
    const at = async (minutes: number) => {
      world.clock.stepTo(start + minutes * minute)
      await work(world)
      return (await world.rows('messages')).length
    }
    expect(await at(15)).toBe(30)
    await moveSale(world, 'pause')
    expect(await at(40)).toBe(30)
    expect((await progressOf(world)).state).toBe('paused')
    await moveSale(world, 'launch')
    // 90 are left for 20 minutes.
    expect(await at(50)).toBe(75)
    expect((await progressOf(world)).expectedEndAt).toBe(start + hour)
    expect(await at(60)).toBe(120)
    expect((await progressOf(world)).state).toBe('done')
  })

  test('not before its beginning', async () => {
    world = await openEngineWorld(saleFile(`{ startAt: "${new Date(start + hour).toISOString()}" }`))
    await introduce(world, users(5))
    await startSale(world)
    await work(world)
    expect((await progressOf(world)).state).toBe('scheduled')
    world.clock.stepTo(start + hour)
    await work(world)
    expect((await progressOf(world)).queued).toBe(5)
  })
})

describe('at a local time', () => {
  // When 09:00 of Sunday 25 October 2026 is: Europe leaves summer time that night, America a week later, Lord
  // Howe (half an hour of it) entered it three weeks before.
  const nines: Record<string, string> = {
    'Australia/Lord_Howe': '2026-10-24T22:00:00.000Z',
    'Asia/Kathmandu': '2026-10-25T03:15:00.000Z',
    'Europe/Berlin': '2026-10-25T08:00:00.000Z',
    'Europe/London': '2026-10-25T09:00:00.000Z',
    'America/New_York': '2026-10-25T13:00:00.000Z',
  }
  const zones = Object.keys(nines)
  const people = zones.map((_, i) => `z${i}`)

  test.each([
    ['on that day', '{ atLocal: { at: "09:00", on: 2026-10-25 } }'],
    ['when it comes round next', '{ atLocal: { at: "09:00" } }'],
  ])('09:00 over a daylight-saving night reaches five zones at their 09:00, %s', async (_, broadcast) => {
    world = await openEngineWorld(saleFile(broadcast))
    world.clock.stepTo(Date.parse('2026-10-24T20:00:00Z'))
    await world.take(...people.map((id, i) => identify(id, { plan: 'free', timezone: zones[i] })))
    await work(world)
    await startSale(world)
    for (
      let at = Date.parse('2026-10-24T20:00:00Z');
      at <= Date.parse('2026-10-25T20:00:00Z');
      at += 15 * minute
    ) {
      world.clock.stepTo(at)
      await work(world)
    }
    const decided = await decidedAt(world, people)
    expect(Object.values(decided)).toEqual(Object.values(nines).map((at) => [at]))
    expect(await progressOf(world)).toMatchObject({ state: 'done', queued: 5 })
    await world.send()
    const sent = (await world.rows('messages')).map((row) => [row.customer_id, row.state])
    expect(sent).toHaveLength(5)
  })

  test('by the clock of that moment; who has left the audience gets nothing; a pause waits', async () => {
    world = await openEngineWorld(saleFile('{ atLocal: { at: "18:00" } }'))
    await world.take(
      ...['ann', 'bob', 'cyd'].map((id) => identify(id, { plan: 'free', timezone: 'Europe/Berlin' })),
    )
    await work(world)
    await startSale(world)
    await work(world)
    expect(await progressOf(world)).toMatchObject({
      audience: { counted: 3, waiting: 3 },
      expectedEndAt: start + 4 * hour,
    })
    // 18:00 in Berlin is 16:00, in London 17:00.
    await world.take(
      { ...identify('bob', { plan: 'free', timezone: 'Europe/London' }), messageId: 'moved' },
      { ...identify('cyd', { plan: 'paid' }), messageId: 'pays' },
    )
    await work(world)
    await moveSale(world, 'pause')
    world.clock.stepTo(start + 4 * hour + minute)
    await work(world)
    expect(await world.rows('decisions')).toEqual([])
    await moveSale(world, 'launch')
    await work(world)
    world.clock.stepTo(start + 5 * hour)
    await work(world)
    expect(await decidedAt(world, ['ann', 'bob', 'cyd'])).toEqual({
      ann: ['2026-06-02T16:01:00.000Z'],
      bob: ['2026-06-02T17:00:00.000Z'],
      cyd: [],
    })
    expect((await progressOf(world)).state).toBe('done')
  })
})

describe('pause, resume and cancel', () => {
  test('queued messages wait in a pause and are due again at once', async () => {
    world = await openEngineWorld(saleFile('{ pace: { perMinute: 600 } }'))
    await introduce(world, users(50))
    await startSale(world)
    world.clock.stepTo(start + 2000)
    await work(world)
    expect(await moveSale(world, 'pause')).toEqual([])
    await world.send()
    world.clock.stepTo(start + 4000)
    await work(world)
    expect(counted(await states())).toEqual({ 'queued campaign-state:campaign_paused': 20 })
    await moveSale(world, 'launch')
    await work(world)
    await world.send()
    expect(counted(await states())).toEqual({ sent: 20 })
    world.clock.stepTo(start + 7000)
    await work(world)
    expect((await progressOf(world)).queued).toBe(50)
  })

  test('what is queued of a cancelled one lapses with the reason, its turns are gone', async () => {
    world = await openEngineWorld(saleFile('{ pace: { perMinute: 60 } }'))
    await introduce(world, users(50))
    await startSale(world)
    world.clock.stepTo(start + 10_000)
    await work(world)
    expect(await moveSale(world, 'end')).toEqual([])
    await work(world)
    expect(counted(await states())).toEqual({ 'lapsed campaign-state:campaign_ended': 10 })
    expect(await progressOf(world)).toMatchObject({
      state: 'cancelled',
      queued: 10,
      messages: { lapsed: 10 },
    })
    world.clock.stepTo(start + hour)
    await work(world)
    expect(await world.rows('decisions')).toHaveLength(10)
    const [spend] = await world.rows('campaign_spend')
    expect([spend?.queued_micros, spend?.spent_micros]).toEqual([0, 0])
  })

  test('turns of a cancelled one are taken away', async () => {
    world = await openEngineWorld(saleFile('{ atLocal: { at: "18:00" } }'))
    await introduce(world, users(5))
    await startSale(world)
    await work(world)
    expect(await world.rows('broadcast_turns')).toHaveLength(5)
    await moveSale(world, 'end')
    await work(world)
    expect(await world.rows('broadcast_turns')).toEqual([])
  })
})

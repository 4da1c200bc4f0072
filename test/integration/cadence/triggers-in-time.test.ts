import { afterEach, describe, expect, test } from 'vitest'
import { moveCampaign } from '../../../src/pipeline/change-workspace.ts'
import {
  customer,
  day,
  type EngineWorld,
  hour,
  identify,
  minute,
  openEngineWorld,
  start,
  track,
  welcomeFile,
  workspace,
} from '../pipeline/engine-world.ts'

let world: EngineWorld
afterEach(async () => {
  expect(world.errors).toEqual([])
  await world.close()
})

async function work(): Promise<void> {
  do await world.decide()
  while ((await world.engine.roles.worker.fireTimers()) > 0)
}

async function at(instant: number): Promise<void> {
  world.clock.stepTo(instant)
  await work()
}

/** When each customer was decided about. */
async function decidedAt(user: string): Promise<string[]> {
  const own = (await world.rows('decisions')).filter((row) => row.customer_id === customer(user))
  return own.map((row) => new Date(row.decided_at).toISOString()).sort()
}

const withTrigger = (trigger: string, more: Parameters<typeof welcomeFile>[0] = {}) =>
  welcomeFile(more).replace('trigger: { event: Signed Up }', `trigger: ${trigger}`)

describe('a schedule', () => {
  const daily = '{ schedule: { on: { everyDays: 1, from: "2026-06-01" }, at: "09:00" } }'
  const zones = [
    'America/New_York',
    'Europe/Berlin',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    'America/Phoenix',
  ]

  test('comes round for everybody by their own clock, for old customers and for new ones', async () => {
    world = await openEngineWorld('')
    const old = zones.slice(0, 3)
    const users = new Map(zones.map((zone, i) => [`u${i}`, zone]))
    const introduced = async (own: string[]) => {
      await world.take(
        ...[...users].flatMap(([user, timezone]) =>
          own.includes(timezone) ? [identify(user, { timezone })] : [],
        ),
      )
      await work()
    }
    await introduced(old)
    await world.apply(withTrigger(daily))
    await work()
    await introduced(zones.slice(3))
    for (let hours = 1; hours <= 48; hours++) await at(start + hours * hour)
    // Lord Howe is 10:30 ahead in June, Kathmandu 5:45: they fire at the first full hour after.
    const due = (await world.rows('timers')).filter(({ kind }) => kind === 'schedule')
    expect(due).toHaveLength(5)
    const first = { u0: '06-02T13', u1: '06-03T07', u2: '06-03T04', u3: '06-02T23', u4: '06-02T16' }
    for (const [user, hourOf] of Object.entries(first)) {
      const all = await decidedAt(user)
      expect([user, all.map((own) => own.slice(5, 13))[0], all.length]).toEqual([user, hourOf, 2])
    }
    expect(new Set((await world.rows('decisions')).map(({ decision_id }) => decision_id)).size).toBe(10)
  })

  test('who travels west does not see an occurrence twice, and of missed ones only the last comes', async () => {
    world = await openEngineWorld(withTrigger(daily))
    await world.take(identify('ann', { timezone: 'Australia/Lord_Howe' }))
    await work()
    // 09:00 of 3 June, which is 22:30 of 2 June in UTC.
    await at(start + 11 * hour)
    expect(await decidedAt('ann')).toHaveLength(1)
    await world.take({ ...identify('ann', { timezone: 'America/New_York' }), messageId: 'moved' })
    await work()
    // Neither does a pause bring it back.
    for (const action of ['pause', 'launch'] as const) {
      const change = { workspace, actor: 'ann', campaignId: 'welcome', action, note: '' }
      await moveCampaign(world.engine.parts, change)
      await work()
    }
    await at(start + 25 * hour)
    expect(await decidedAt('ann')).toHaveLength(1)
    // Nobody works for three days: of the last one a message would still be of use.
    await at(start + 98 * hour)
    expect(await decidedAt('ann')).toHaveLength(2)
    await at(start + 5 * day + 2 * hour)
    expect(await decidedAt('ann')).toHaveLength(3)
    const last = (await world.rows('decisions')).map(({ trigger_id }) => trigger_id).sort()
    expect(last).toEqual(['welcome:2026-06-03T09:00', 'welcome:2026-06-06T09:00', 'welcome:2026-06-07T09:00'])
  })
})

describe('an absence', () => {
  const absence = '{ absence: { event: Order Completed, after: Cart Updated, withinHours: 4 } }'
  const goal = (file: string) => file.replace('event: Order Completed, value', 'event: Paid, value')

  test('comes when the event has not come within the hours, counted from the last time', async () => {
    world = await openEngineWorld(goal(withTrigger(absence)))
    await world.take(identify('ann'), track('ann', 'Cart Updated', 'c1', { properties: { sku: 'a' } }))
    await work()
    await at(start + 3 * hour)
    await world.take(track('ann', 'Cart Updated', 'c2', { properties: { sku: 'b' } }))
    await work()
    await at(start + 4 * hour)
    expect(await decidedAt('ann')).toEqual([])
    await at(start + 7 * hour - 1)
    expect(await decidedAt('ann')).toEqual([])
    await at(start + 7 * hour)
    expect(await decidedAt('ann')).toHaveLength(1)
    const [message] = await world.rows('messages')
    expect(JSON.parse(message!.context_json)).toEqual({
      event: { name: 'Cart Updated', properties: { sku: 'b' } },
    })
    expect(message!.relevant_since).toBe(start + 3 * hour)
    await at(start + 2 * day)
    expect(await decidedAt('ann')).toHaveLength(1)
  })

  test('does not come where the event came in time, also late or before the one after which it is waited for', async () => {
    world = await openEngineWorld(goal(withTrigger(absence)))
    const cart = (user: string, minutes = 0) =>
      track(user, 'Cart Updated', `c-${user}`, {
        timestamp: new Date(start + minutes * minute).toISOString(),
      })
    const order = (user: string, minutes: number) =>
      track(user, 'Order Completed', `o-${user}`, {
        timestamp: new Date(start + minutes * minute).toISOString(),
      })
    const users = ['intime', 'late', 'early', 'before', 'after']
    await world.take(...users.map((user) => identify(user)))
    await work()
    world.clock.stepTo(start + 10 * minute)
    // The order arrives first, and happened after the cart.
    await world.take(order('early', 9))
    await world.take(
      cart('early', 8),
      cart('intime', 8),
      cart('late', 8),
      cart('before', 8),
      cart('after', 8),
    )
    // From before the cart: it is about another one.
    await world.take(order('before', 7))
    await work()
    await at(start + hour)
    await world.take(order('intime', 60))
    await at(start + 4 * hour)
    // It happened in time and is told of just before the time is over.
    await world.take(order('late', 90))
    await work()
    await at(start + 5 * hour)
    await world.take(order('after', 300))
    await work()
    for (const user of users)
      expect([user, (await decidedAt(user)).length]).toEqual([
        user,
        user === 'before' || user === 'after' ? 1 : 0,
      ])
  })

  test('goes along when a visitor signs up', async () => {
    world = await openEngineWorld(goal(withTrigger(absence)))
    const visitor = { anonymousId: 'v1', properties: {} }
    await world.take({ type: 'track', messageId: 'c1', event: 'Cart Updated', ...visitor })
    await work()
    await at(start + hour)
    await world.take(identify('ann', {}, { anonymousId: 'v1' }))
    await at(start + 4 * hour)
    expect(await decidedAt('ann')).toHaveLength(1)
  })
})

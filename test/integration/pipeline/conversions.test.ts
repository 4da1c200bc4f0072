import { afterEach, expect, test } from 'vitest'
import { moveCampaign } from '../../../src/pipeline/change-workspace.ts'
import {
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
} from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

/** Decided by scores. A send that costs nothing ties with doing nothing, and the first of a tie is preferred. */
const learning = (file: string) =>
  file.replace(/policy: .*/, 'policy: { kind: inverse-gap }').replace('cost: 1', 'cost: 0')

function ordered(userId: string, messageId: string, more: object = {}): object {
  return track(userId, 'Order Completed', messageId, {
    properties: { revenue: 12.5, currency: 'EUR' },
    ...more,
  })
}

async function conversions(): Promise<{ customer: string; value: number }[]> {
  const outcomes = (await world.rows('outcomes')).filter((row) => row.kind === 'conversion')
  return outcomes.map((row) => ({ customer: row.customer_id, value: row.value_micros }))
}

async function rewards(): Promise<[kind: string, y: number][]> {
  const rows = await world.rows('rewards')
  rows.sort((a, b) => Number(a.sequence) - Number(b.sequence))
  return rows.map((row): [string, number] => [row.kind, row.y])
}

/** Somebody whom a message reached at the start. */
async function reached(): Promise<string> {
  const users = Array.from({ length: 8 }, (_, i) => `u${i}`)
  await world.take(...users.flatMap((user) => [identify(user), track(user, 'Signed Up', `s-${user}`)]))
  await world.engine.drain()
  for (const user of users) if ((await world.messagesOf(user)).length === 1) return user
  throw new Error('nobody of eight was reached')
}

test('a conversion is counted at once for the report, and taught once when its exposure has settled', async () => {
  world = await openEngineWorld(learning(welcomeFile()))
  const user = await reached()
  world.clock.stepTo(start + hour)
  await world.take(ordered(user, 'o1'), ordered(user, 'o1'))
  await world.take(ordered(user, 'o1'))
  await world.engine.drain()
  expect(await conversions()).toEqual([{ customer: expect.any(String), value: 12_500_000 }])
  expect(await rewards()).toEqual([])

  // A second purchase is a second conversion for the report; the exposure has its reward already.
  world.clock.stepTo(start + 2 * hour)
  await world.take(ordered(user, 'o2'))
  await world.engine.drain()
  expect(await conversions()).toHaveLength(2)
  world.clock.stepTo(start + day + 2 * minute)
  await world.engine.drain()
  expect((await rewards()).filter(([, y]) => y === 1)).toEqual([['reward', 1]])

  // After the window nothing counts.
  world.clock.stepTo(start + 2 * day + 1)
  await world.take(ordered(user, 'o3'))
  await world.engine.drain()
  expect(await conversions()).toHaveLength(2)
})

test('a conversion that comes late corrects the zero that was taught', async () => {
  world = await openEngineWorld(learning(welcomeFile()))
  const user = await reached()
  world.clock.stepTo(start + 2 * day + 2 * minute)
  await world.engine.drain()
  const closed = await rewards()
  expect(new Set(closed.map(String))).toEqual(new Set(['reward,0']))

  await world.take(ordered(user, 'late', { timestamp: new Date(start + day).toISOString() }))
  await world.engine.drain()
  expect((await rewards()).slice(closed.length)).toEqual([['correction', 1]])
  expect(await conversions()).toHaveLength(1)
  const states = (await world.rows('exposures')).map((row) => row.state)
  expect(states.filter((state) => state === 'corrected')).toHaveLength(1)
})

test('a conversion after the campaign was paused or has ended is still its own', async () => {
  world = await openEngineWorld(learning(welcomeFile()))
  const user = await reached()
  const move = (action: 'pause' | 'end') =>
    moveCampaign(world.engine.parts, { workspace, actor: 'ann', campaignId: 'welcome', action, note: '' })
  await move('pause')
  world.clock.stepTo(start + hour)
  await world.take(ordered(user, 'o1'))
  await world.engine.drain()
  expect(await conversions()).toHaveLength(1)
  await move('end')
  await world.take(ordered(user, 'o2'))
  await world.engine.drain()
  expect(await conversions()).toHaveLength(2)
  world.clock.stepTo(start + 2 * day)
  await world.engine.drain()
  expect((await rewards()).filter(([, y]) => y === 1)).toEqual([['reward', 1]])
})

test('the held out convert too, and are counted', async () => {
  world = await openEngineWorld(learning(welcomeFile({ holdout: 1 })))
  await world.take(identify('ann'), track('ann', 'Signed Up', 's1'))
  await world.engine.drain()
  world.clock.stepTo(start + hour)
  await world.take(ordered('ann', 'o1'))
  await world.engine.drain()
  expect(await world.rows('messages')).toEqual([])
  expect(await conversions()).toHaveLength(1)
  expect((await world.rows('exposures')).map((row) => [row.head, row.state])).toEqual([
    ['nothing', 'converted'],
  ])
})

test('the propensity in the row is the share with which the treatment is given', async () => {
  const file = welcomeFile().replace(
    /arms:\n.*\n.*\n/,
    `arms:
      - { id: a, share: 0.25, control: true }
      - { id: b, share: 0.75, treatment: tea/email }
`,
  )
  world = await openEngineWorld(file)
  const users = Array.from({ length: 400 }, (_, i) => `u${i}`)
  await world.take(...users.flatMap((user) => [identify(user), track(user, 'Signed Up', `s-${user}`)]))
  await world.decide()
  const decisions = await world.rows('decisions')
  for (const row of decisions) expect(row.propensity).toBe(row.outcome === 'treatment' ? 0.75 : 0.25)
  // 400 draws at .75: 300 with a standard deviation of 8.7; four of them on either side.
  const treated = decisions.filter((row) => row.outcome === 'treatment').length
  expect(Math.abs(treated - 300)).toBeLessThan(35)
})

test('a learned policy draws each treatment as often as the propensities in its rows say', async () => {
  world = await openEngineWorld(learning(welcomeFile()).replace('cost: 0', 'cost: 0.02'))
  const users = Array.from({ length: 1500 }, (_, i) => `u${i}`)
  await world.take(...users.flatMap((user) => [identify(user), track(user, 'Signed Up', `s-${user}`)]))
  await world.decide()
  const decisions = await world.rows('decisions')
  // The share of each is its propensity; inverse propensities of what was drawn estimate the number of decisions: of treatments, and of nothings.
  for (const outcome of ['treatment', 'nothing']) {
    const drawn = decisions.filter((row) => row.outcome === outcome)
    const estimate = drawn.reduce((sum, row) => sum + 1 / row.propensity, 0)
    const p = drawn[0]!.propensity
    // A send that costs something is drawn less often than nothing.
    expect(outcome === 'treatment' ? p : 1 - p).toBeLessThan(0.4)
    expect(p).toBeGreaterThan(0.05)
    const deviation = Math.sqrt((users.length * (1 - p)) / p)
    expect(Math.abs(estimate - users.length)).toBeLessThan(4 * deviation)
  }
})

import { afterEach, expect, test } from 'vitest'
import { moveCampaign } from '../../../src/pipeline/change-workspace.ts'
import {
  customer,
  day,
  differencesIn,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  start,
  track,
  workspace,
} from '../pipeline/engine-world.ts'
import { cadenceFile } from './cadence-file.ts'

let world: EngineWorld
afterEach(async () => {
  expect(world.errors).toEqual([])
  expect(await differencesIn(world)).toEqual([])
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

async function pathOf(user: string): Promise<string> {
  const steps = (await world.rows('journey_steps')).filter((row) => row.customer_id === customer(user))
  return steps
    .toSorted((a, b) => a.at - b.at || a.sequence - b.sequence)
    .map((row) => row.step_id)
    .join(' ')
}

async function journeyOf(user: string) {
  const own = (await world.rows('journeys')).filter((row) => row.customer_id === customer(user))
  return own.find((row) => row.is_newest === 1)
}

async function enters(...users: string[]): Promise<void> {
  await world.take(...users.flatMap((user) => [identify(user), track(user, 'Signed Up', `s-${user}`)]))
  await work()
}

const move = async (action: 'pause' | 'launch' | 'end') => {
  const change = { workspace, actor: 'ann', campaignId: 'welcome', action, note: '' }
  await moveCampaign(world.engine.parts, change)
}

const touch = (id: string) =>
  `- { id: ${id}, touch: { treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }] } }`
const twoTouches = [touch('one'), '- { id: rest, wait: { days: 4 } }', touch('two')].join('\n')

test('a journey takes its steps when they are due, each touch a decision of its own', async () => {
  world = await openEngineWorld(cadenceFile())
  await enters('ann')
  expect(await pathOf('ann')).toBe('hello')
  expect(await journeyOf('ann')).toMatchObject({
    state: 'inside',
    step_id: 'two-days',
    due_at: start + 2 * day,
  })
  await at(start + 2 * day - 1)
  expect(await pathOf('ann')).toBe('hello')
  await at(start + 2 * day)
  expect(await pathOf('ann')).toBe('hello two-days looked nudge')
  // 09:00 UTC, twelve days after the day of the nudge.
  await at(start + 14 * day - 3 * hour)
  expect(await pathOf('ann')).toBe('hello two-days looked nudge morning last')
  expect(await journeyOf('ann')).toMatchObject({ state: 'completed', due_at: null })
  const decisions = await world.rows('decisions')
  expect(new Set(decisions.map((row) => row.decision_id)).size).toBe(3)
  expect((await world.rows('assignments')).filter((row) => row.campaign_id === 'welcome')).toHaveLength(1)
})

test('a touch chooses among its own treatments, and who is held out goes the same way without any', async () => {
  world = await openEngineWorld(cadenceFile({ steps: twoTouches, holdout: 0.5 }))
  const users = Array.from({ length: 12 }, (_, i) => `u${i}`)
  await enters(...users)
  await at(start + 4 * day)
  for (const user of users) expect(await pathOf(user)).toBe('one rest two')
  const heldOut = new Set(
    (await world.rows('assignments')).filter((row) => row.held_out === 1).map((row) => row.customer_id),
  )
  expect(heldOut.size).toBeGreaterThan(1)
  const touches = (await world.rows('journey_steps')).filter(({ kind }) => kind === 'touch')
  expect(touches).toHaveLength(24)
  for (const { customer_id, step_id, result } of touches) {
    const own = heldOut.has(customer_id) ? ['held-out'] : [`${step_id}/tea/email`, 'nothing']
    expect(own).toContain(result)
  }
  expect((await world.rows('messages')).length).toBeGreaterThan(2)
})

const changed = (inside: string, steps: string) => cadenceFile({ rules: `inside: ${inside}`, steps })
const longer = twoTouches.replace('days: 4', 'days: 6').replace('id: two', 'id: three')
const shorter = twoTouches.replace('days: 4', 'days: 2')

test.each([
  ['finish', longer, 'one rest two', 'completed '],
  ['move', longer, 'one rest three', 'completed '],
  ['move', shorter, 'one rest two', 'completed '],
  ['move', longer.replace('id: rest', 'id: pause'), 'one', 'left step_gone'],
  ['leave', longer, 'one', 'left campaign_changed'],
  // Other words for whom and how much, and the same steps: nothing changes for those inside.
  ['leave', twoTouches, 'one rest two', 'completed '],
])('a live cadence changes: %s', async (inside, steps, path, end) => {
  world = await openEngineWorld(cadenceFile({ steps: twoTouches }))
  await enters('ann')
  await at(start + day)
  await world.apply(changed(inside, steps).replace('name: Welcome', 'name: Welcome again'))
  await work()
  // A wait as the new version has it, from when it began.
  if (inside === 'move' && end === 'completed ') {
    const days = steps === shorter ? 2 : 6
    expect((await journeyOf('ann'))!.due_at).toBe(start + days * day)
  }
  await enters('bob')
  for (const days of [2, 4, 6, 8]) await at(start + days * day)
  const journey = await journeyOf('ann')
  expect([await pathOf('ann'), `${journey?.state} ${journey?.reason}`]).toEqual([path, end])
  // Who enters later takes the new steps.
  const ids = [...steps.matchAll(/id: (one|rest|pause|two|three)/g)].map(([, id]) => id)
  expect(await pathOf('bob')).toBe(ids.join(' '))
})

test('a pause holds journeys where they stand, a launch lets them go on, the end ends them', async () => {
  world = await openEngineWorld(cadenceFile({ steps: twoTouches }))
  await enters('ann', 'bob')
  await move('pause')
  await at(start + 5 * day)
  expect(await pathOf('ann')).toBe('one')
  expect(await journeyOf('ann')).toMatchObject({ state: 'inside', due_at: null })
  await world.take(track('bob', 'Order Completed', 'o-bob'))
  await move('launch')
  await work()
  expect(await pathOf('ann')).toBe('one rest two')
  expect([await pathOf('bob'), (await journeyOf('bob'))!.reason]).toEqual(['one', 'goal_met'])
  await world.take(identify('eve'), track('eve', 'Signed Up', 's-eve'))
  await work()
  await move('end')
  await work()
  expect(await journeyOf('eve')).toMatchObject({ state: 'left', reason: 'campaign_ended' })
})

test('a visitor who signs up goes on with the journey, and of two the one entered first', async () => {
  world = await openEngineWorld(cadenceFile({ steps: twoTouches }))
  const visitor = { anonymousId: 'v1', properties: {} }
  await world.take({ type: 'track', messageId: 'v-1', event: 'Signed Up', ...visitor })
  await work()
  await at(start + day)
  await world.take(identify('ann'), track('ann', 'Signed Up', 's-ann'))
  await work()
  await world.take({ type: 'identify', messageId: 'link', userId: 'ann', anonymousId: 'v1', traits: {} })
  await at(start + 4 * day)
  const journeys = (await world.rows('journeys')).toSorted((a, b) => a.entered_at - b.entered_at)
  expect(journeys.map((row) => [row.customer_id === customer('ann'), row.state, row.reason])).toEqual([
    [true, 'completed', ''],
    [true, 'left', 'merged'],
  ])
})

import { afterEach, expect, test } from 'vitest'
import {
  customer,
  day,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  start,
  track,
} from '../pipeline/engine-world.ts'
import { cadenceFile } from './cadence-file.ts'

let world: EngineWorld
afterEach(() => world.close())

async function drain(): Promise<void> {
  await world.engine.drain()
}

async function pathOf(user: string): Promise<string[]> {
  const steps = (await world.rows('journey_steps')).filter((row) => row.customer_id === customer(user))
  steps.sort((a, b) => a.at - b.at || a.sequence - b.sequence)
  return steps.map((row) => row.step_id)
}

async function journeyOf(user: string) {
  const own = (await world.rows('journeys')).filter((row) => row.customer_id === customer(user))
  return own.find((row) => row.is_newest === 1)
}

test('a journey takes its steps when they are due, each touch a decision of its own', async () => {
  world = await openEngineWorld(cadenceFile())
  await world.take(identify('ann'), track('ann', 'Signed Up', 's1'))
  await drain()
  expect(await pathOf('ann')).toEqual(['hello'])
  expect(await journeyOf('ann')).toMatchObject({
    state: 'inside',
    step_id: 'two-days',
    due_at: start + 2 * day,
  })
  world.clock.stepTo(start + 2 * day - 1)
  await drain()
  expect(await pathOf('ann')).toEqual(['hello'])
  world.clock.stepTo(start + 2 * day)
  await drain()
  expect(await pathOf('ann')).toEqual(['hello', 'two-days', 'looked', 'nudge'])
  // 09:00 UTC, twelve days after the day of the nudge.
  world.clock.stepTo(start + 14 * day - 3 * hour)
  await drain()
  expect(await pathOf('ann')).toEqual(['hello', 'two-days', 'looked', 'nudge', 'morning', 'last'])
  expect(await journeyOf('ann')).toMatchObject({ state: 'completed', due_at: null })
  const decisions = await world.rows('decisions')
  expect(new Set(decisions.map((row) => row.decision_id)).size).toBe(3)
  expect((await world.rows('assignments')).filter((row) => row.campaign_id === 'welcome')).toHaveLength(1)
  expect(world.errors).toEqual([])
})

import { afterEach, expect, test } from 'vitest'
import { keepHouse } from '../../../src/pipeline/keep-house.ts'
import { day, type EngineWorld, openEngineWorld, start, workspace } from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

test('events and seen ids go when their time is over, and only then', async () => {
  world = await openEngineWorld('goals: []')
  const events = Array.from({ length: 450 }, (_, i) => ({
    type: 'track',
    event: 'A',
    userId: 'ada',
    messageId: `e${i}`,
  }))
  await world.take(...events)
  await world.decide()
  const { store } = world.engine.parts
  const at = (now: number) => keepHouse(store, workspace, { now, eventsKeepDays: 100 })

  expect(await at(start + 40 * day)).toBe(0)
  // Ids are forgotten after 40 days, events kept for the hundred that were asked for.
  expect(await at(start + 41 * day)).toBe(450)
  expect(await world.rows('event_dedupe')).toEqual([])
  expect(await world.rows('events')).toHaveLength(450)
  expect(await at(start + 100 * day)).toBe(0)
  expect(await at(start + 101 * day)).toBe(450)
  expect(await world.rows('events')).toEqual([])
})

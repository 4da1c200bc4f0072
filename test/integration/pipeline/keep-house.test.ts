import { afterEach, expect, test } from 'vitest'
import { keepHouse, keepPartitions } from '../../../src/pipeline/keep-house.ts'
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
  const keepAt = async (now: number) => {
    const settings = { now, eventsKeepDays: 100 }
    await keepHouse(store, workspace, settings)
    await keepPartitions(store, settings)
    return [(await world.rows('event_dedupe')).length, (await world.rows('events')).length]
  }
  // PostgreSQL lets a month go as a whole: June's events wait for its last day.
  const goneAfterDays = store.partitions === null ? 101 : 129

  expect(await keepAt(start + 40 * day)).toEqual([450, 450])
  // Ids are forgotten after 40 days, events kept for the hundred that were asked for.
  expect(await keepAt(start + 41 * day)).toEqual([0, 450])
  expect(await keepAt(start + (goneAfterDays - 1) * day)).toEqual([0, 450])
  expect(await keepAt(start + goneAfterDays * day)).toEqual([0, 0])
})

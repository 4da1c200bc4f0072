import { afterAll, beforeAll, expect, test } from 'vitest'
import { latestSnapshot } from '../../../src/learning/snapshot-rows.ts'
import { replay } from '../../../src/pipeline/explain.ts'
import { changePolicySettings } from '../../../src/pipeline/policy-versions.ts'
import { day, type EngineWorld, identify, openEngineWorld, track, workspace } from './engine-world.ts'

const file = `
goals: [{ id: order, event: Order Completed, windowHours: 24 }]
offers: [{ id: tea, name: Tea, value: 10 }]
templates:
  - { id: hello, channel: email, subject: Hello, text: "Hello {{links.unsubscribe}}" }
campaigns:
  - id: welcome
    name: Welcome
    goal: order
    trigger: { event: Signed Up }
    holdout: 0
    treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }]
`
let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld(file, { batchRecordsMax: 500 })
})
afterAll(() => world.close())

/** Everybody signs up, gets what was drawn, and is told of two days later. */
async function play(round: string, count: number): Promise<void> {
  const users = Array.from({ length: count }, (_, i) => `${round}${i}`)
  await world.take(...users.map((user) => identify(user)))
  await world.take(...users.map((user) => track(user, 'Signed Up', `s-${user}`)))
  await world.decide()
  await world.send()
  world.clock.stepTo(world.clock.now() + 2 * day)
  await world.engine.drain()
}

const latest = async () => (await latestSnapshot(world.engine.parts.store.read.workspace(workspace)))!

test('a snapshot from before the setting says nothing of it; one from after it weighs by the age of decisions', async () => {
  await play('a', 200)
  const before = await latest()
  expect(before.manifest).toMatchObject({ rewards: 200 })
  expect(before.manifest.forgetting).toBeUndefined()
  expect(before.t).toBe(201)
  const change = { workspace, actor: 'ann', patch: { forgetHalfLifeDays: 2 } }
  await changePolicySettings(world.engine.parts, change)
  await play('b', 100)
  await play('c', 100)
  const after = await latest()
  // From the day of the first reward after the setting on: the next ones are told two days later.
  expect(after.manifest).toMatchObject({ rewards: 400, forgetting: { halfLifeDays: 2 } })
  const { day: until, since } = after.manifest.forgetting!
  expect(until - since).toBe(2)
  // Of the first 300 half is left, when the last 100 are told; these were decided on the day since which is forgotten.
  expect(after.manifest.heads.reduce((sum, { weight }) => sum + weight!, 0)).toBeCloseTo(150 + 50, 6)
  expect(after.t).toBeCloseTo(201, 6)
})

test('decisions of each replay to the byte, and the audit knows who asked for it', async () => {
  const { store } = world.engine.parts
  const decisions = await world.rows('decisions')
  for (const id of ['a0', 'c0']) {
    const row = decisions.find((own) => own.trigger_id === `s-${id}`)!
    const replayed = await store.snapshot((scope) => replay(scope, workspace, row.decision_id))
    expect(replayed).toMatchObject({ result: { kind: 'equal' } })
  }
  const [audited] = (await world.rows('audit')).filter(({ action }) => action === 'policy.settings')
  expect(audited).toMatchObject({ actor: 'ann', target: 'forgetHalfLifeDays' })
  expect(world.errors).toEqual([])
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeDecision } from '../../../src/decision/record.ts'
import { type Rehearsal, rehearse } from '../../../src/pipeline/rehearsal/rehearse.ts'
import type { Wish } from '../../../src/pipeline/rehearsal/wished-change.ts'
import { customer, type EngineWorld, evenSplit, hour, openEngineWorld } from '../pipeline/engine-world.ts'
import { eventfulFile, playEventfulRun } from './eventful-run.ts'

let world: EngineWorld

beforeAll(async () => {
  world = await openEngineWorld(eventfulFile, { triggerMaxAgeMs: hour })
  await playEventfulRun(world)
}, 60_000)

afterAll(() => world.close())

async function play(wish?: Wish, days = 30): Promise<Rehearsal> {
  const { store, settings } = world.engine.parts
  const result = await rehearse(
    { store, now: world.clock.now(), settings },
    { workspace: 'main', days, ...(wish === undefined ? {} : { wish }) },
  )
  if (result.kind === 'refused') throw new Error(result.detail)
  return result
}

test('the run has everything in it that decides', async () => {
  const decisions = await world.rows('decisions')
  expect(new Set(decisions.map((row) => row.trigger_kind))).toEqual(new Set(['event', 'segment', 'timer']))
  expect(new Set(decisions.map((row) => row.snapshot_id)).size).toBeGreaterThan(2)
  expect(decisions.some((row) => row.trigger_id.startsWith('sale:broadcast'))).toBe(true)
  const excluded = decisions.map((row) => row.excluded_json).join()
  for (const guardrail of ['frequency-cap', 'consent', 'budget', 'kill-switch', 'holdout'])
    expect(excluded).toContain(guardrail)
  // Those who were written to lately are tired of it, whatever it is that decides.
  const tired = decisions.filter(({ record }) =>
    decodeDecision(record).candidates.some(({ fatigue }) => fatigue > 0),
  )
  expect(new Set(tired.map((row) => row.trigger_kind))).toEqual(new Set(['event', 'timer']))
  expect(tired.some((row) => row.trigger_id.startsWith('sale:broadcast'))).toBe(true)
  expect(world.errors).toEqual([])
})

test('history as it was gives the decisions that were made, to the byte, and the same sends', async () => {
  const { exact, recorded, rehearsed } = await play()
  expect(exact?.examples).toEqual([])
  expect(exact).toMatchObject({ different: 0, missing: 0, extra: 0, notReplayable: {} })
  expect(exact?.same).toBe((await world.rows('decisions')).length)
  expect(rehearsed).toEqual(recorded)
})

/** The guardrails as they are in the first part of the run. */
const sameRules = `
guardrails:
  frequencyCaps: [{ sendsMax: 3, window: { hours: 72 } }]
  quietHours: { from: "21:00", until: "08:00" }
`

test('a tighter cap lets fewer messages out, day by day beside what was sent, and leaves the live store alone', async () => {
  const before = await world.rows('messages')
  const text = sameRules.replace('sendsMax: 3', 'sendsMax: 1')
  const { exact, recorded, rehearsed, changed, predictions } = await play({ kind: 'file', text })
  expect([exact, changed]).toEqual([null, true])
  expect(rehearsed.sends).toBeLessThan(recorded!.sends)
  expect(rehearsed.sends).toBeGreaterThan(0)
  expect(rehearsed.capCollisions.atDecision).toBeGreaterThan(recorded!.capCollisions.atDecision)
  expect(rehearsed.sendsByDay.map(({ day }) => day)).toEqual(recorded!.sendsByDay.map(({ day }) => day))
  for (const { rehearsed: figure, refusals } of predictions) expect(figure === null).toBe(refusals.length > 0)
  expect(await world.rows('messages')).toEqual(before)
})

test('a broadcast that a file brings goes out in the rehearsal alone', async () => {
  const text = `${evenSplit}
campaigns:
  - id: extra
    name: Extra
    goal: order
    trigger: { broadcast: {} }
    policy: { kind: fixed-split, experiment: even }
    treatments: [{ offer: tea, channel: email, cost: 1, variants: [{ id: a, template: hello }] }]
`
  const { rehearsed, recorded } = await play({ kind: 'file', text }, 5)
  // Everybody who is there on the day after the first.
  expect(rehearsed.decisions - recorded!.decisions).toBeGreaterThan(15)
  expect(rehearsed.byTreatment.map(({ campaignId }) => campaignId)).toContain('extra')
  expect(recorded!.byTreatment.map(({ campaignId }) => campaignId)).not.toContain('extra')
})

test('a file that does not fit is refused with its faults', async () => {
  const { store, settings } = world.engine.parts
  const wish = { kind: 'file' as const, text: 'campaigns: [{ id: x }]' }
  const result = await rehearse(
    { store, now: world.clock.now(), settings },
    { workspace: 'main', days: 3, wish },
  )
  expect(result).toMatchObject({ kind: 'refused' })
})

test('what history does not hold is said, not guessed', async () => {
  const { store, settings } = world.engine.parts
  const lost = customer('p7')
  await store.transaction(async (tx) => {
    const db = tx.workspace('main')
    await db
      .deleteFrom('events')
      .where('events.customer_id', '=', lost)
      .where('events.kind', '=', 'identify')
      .execute()
  })
  const { exact } = (await rehearse(
    { store, now: world.clock.now(), settings },
    { workspace: 'main', days: 30 },
  )) as Rehearsal
  expect(exact).toMatchObject({ different: 0, missing: 0 })
  expect(exact?.notReplayable['events-gone']).toBeGreaterThan(0)
  const mine = (await world.rows('decisions')).filter((row) => row.customer_id === lost)
  expect(exact?.notReplayable['events-gone']).toBeLessThanOrEqual(mine.length)
})

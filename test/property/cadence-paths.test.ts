import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import {
  fortnightFile,
  happened,
  instantsOf,
  introduce,
  journeysOf,
  type Player,
  playUntil,
} from '../faults/cadence-world.ts'
import { day, type EngineWorld, hour, openEngineOn, start } from '../integration/pipeline/engine-world.ts'
import { type Input, modelJourneys } from '../support/cadence-model.ts'

/** Five weeks in steps of half a day, so that inputs often fall on the instant at which a step is due. */
const lengthMs = 35 * day

const input: fc.Arbitrary<Input> = fc.record({
  at: fc.integer({ min: 1, max: (lengthMs / hour / 12) | 0 }).map((n) => start + n * 12 * hour),
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('signup' as const) },
    { weight: 3, arbitrary: fc.constant('visit' as const) },
    { weight: 3, arbitrary: fc.constant('click' as const) },
    { weight: 2, arbitrary: fc.constant('order' as const) },
    { weight: 2, arbitrary: fc.constant('goodbye' as const) },
  ),
})
/** A click is looked at when no other can come with it, some seconds later: none falls on a step's instant. */
const offTheInstant = (own: Input): Input => (own.kind === 'click' ? { ...own, at: own.at + hour } : own)

const players: fc.Arbitrary<Player[]> = fc
  .array(
    fc.record({
      zone: fc.constantFrom('UTC', 'America/New_York', 'Asia/Kathmandu'),
      inputs: fc
        .uniqueArray(input, { minLength: 8, maxLength: 14, selector: ({ at }) => at })
        .map((own) =>
          [{ at: start, kind: 'signup' as const }, ...own.map(offTheInstant)].toSorted((a, b) => a.at - b.at),
        ),
    }),
    { minLength: 12, maxLength: 12 },
  )
  .map((own) => own.map((player, i) => ({ ...player, user: `user-${i}` })))

/** After so many more transactions of the worker the process is gone, before or after the commit. */
const crashes = fc.array(
  fc.record({
    after: fc.integer({ min: 1, max: 25 }),
    point: fc.constantFrom('before' as const, 'after' as const),
  }),
  { minLength: 4, maxLength: 4 },
)

let crashed = 0

test('every customer’s path through the cadence is the model’s, with crashes in between', async () => {
  let paths = 0
  let steps = 0
  await fc.assert(
    fc.asyncProperty(players, crashes, async (own, kills) => {
      const seen = await play(own, kills)
      paths += seen.length
      steps += seen.reduce((sum, { steps: taken }) => sum + taken.length, 0)
    }),
    { numRuns: 2, seed: 20261121, endOnFailure: true },
  )
  // Not of scripts in which nobody moves.
  expect(paths).toBeGreaterThan(24)
  expect(steps).toBeGreaterThan(100)
  expect(crashed).toBeGreaterThan(6)
}, 120_000)

async function play(own: Player[], kills: { after: number; point: 'before' | 'after' }[]) {
  const dir = mkdtempSync(join(tmpdir(), 'starling-cadence-'))
  const crashing = createCrashing()
  let world = await openEngineOn(dir, { yaml: fortnightFile, wrapStore: crashing.wrap })
  const left = [...kills]
  try {
    await introduce(world, own)
    crashing.next(left.shift())
    for (const until of [...instantsOf(own), start + lengthMs + 20 * day]) {
      // A process that has died begins this instant again.
      for (;;) {
        try {
          await playUntil(world, own, until)
          break
        } catch (error) {
          if (!crashing.isDead()) throw error
          const now = world.clock.now()
          await world.leave().catch(() => undefined)
          crashing.next(undefined)
          world = await openEngineOn(dir, { wrapStore: crashing.wrap })
          world.clock.stepTo(now)
          crashing.next(left.shift())
          crashed += 1
        }
      }
    }
    return await compare(world, own)
  } finally {
    crashing.next(undefined)
    await world.leave()
    rmSync(dir, { recursive: true })
  }
}

async function compare(world: EngineWorld, own: Player[]) {
  const all = []
  for (const player of own) {
    const journeys = await journeysOf(world, player.user)
    const inputs = await happened(world, player)
    expect(journeys).toEqual(modelJourneys(inputs, player.zone, world.clock.now()))
    all.push(...journeys)
  }
  const decisions = (await world.rows('journey_steps')).filter(({ kind }) => kind === 'touch')
  expect(new Set(decisions.map((row) => row.decision_id)).size).toBe(decisions.length)
  expect((await world.rows('rejected_events')).length).toBe(0)
  return all
}

/** A store that dies in its n-th transaction from now: nothing of it works afterwards. */
function createCrashing() {
  let countdown = Number.POSITIVE_INFINITY
  let point: 'before' | 'after' = 'before'
  let dead = false
  return {
    isDead: () => dead,
    next(kill: { after: number; point: 'before' | 'after' } | undefined): void {
      dead = false
      countdown = kill?.after ?? Number.POSITIVE_INFINITY
      point = kill?.point ?? 'before'
    },
    wrap: (store: Store): Store => ({
      ...store,
      async transaction(work) {
        if (dead) throw new Error('the process is gone')
        countdown -= 1
        if (countdown > 0) return store.transaction(work)
        dead = true
        if (point === 'after') {
          await store.transaction(work)
          throw new Error('killed after the commit')
        }
        return store.transaction(async (tx) => {
          await work(tx)
          throw new Error('killed before the commit')
        })
      },
    }),
  }
}

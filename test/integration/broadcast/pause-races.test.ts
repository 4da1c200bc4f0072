import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import { type BroadcastAction, moveBroadcast } from '../../../src/pipeline/broadcast/move-broadcast.ts'
import { openRaceWorld, type RaceWorld } from '../../support/race-world.ts'
import { workspace } from '../pipeline/engine-world.ts'
import { introduce, saleFile, startSale } from './broadcast-world.ts'

/**
 * A pause and a cancellation against a broadcast, in every order of what they do: the page of customers, the
 * claim, its facts, the provider's call and its result on one side; the transaction, its commit and its
 * acknowledgement on the other. One customer, and a run for each order.
 */
let races: RaceWorld
let edition = 0

beforeAll(async () => {
  races = await openRaceWorld(saleFile())
  await introduce(races.world, ['ann'])
}, 60_000)
afterAll(() => races.close())

async function say(store: Store, action: BroadcastAction): Promise<string[]> {
  const change = { workspace, actor: 'ann', campaignId: 'sale', action, note: '' }
  const moved = await moveBroadcast({ store, clock: races.world.clock }, change)
  if (moved.kind === 'refused') throw new Error(moved.fault.detail)
  return moved.alreadySending
}

/** A page of the broadcast, and what comes of it. */
async function send(): Promise<void> {
  await races.world.engine.roles.worker.fireTimers()
  await races.send()
}

test.each(['pause', 'cancel'] as const)(
  '%s: in every order, no send begins after its acknowledgement but those it lists, and none is lost',
  async (action) => {
    const { world, store } = races
    const begin = async () => {
      // What was cancelled begins again with a changed definition.
      if (action === 'cancel') await world.apply(saleFile().replace('name: Sale', `name: Sale ${++edition}`))
      const started = await startSale(world, true)
      if (started.kind === 'refused') throw new Error(started.fault.detail)
      return { send, no: (theirs: Store) => say(theirs, action), after }
    }
    const after = async ({ calls, story }: { calls: string[]; story: string }): Promise<void> => {
      if (action === 'pause') await say(store, 'resume')
      await send()
      // Resumed, everybody gets it once; cancelled, nobody who had not got it by then.
      expect(races.calls().length, story).toBe(action === 'pause' ? 1 : calls.length)
      const left = (await world.rows('messages')).filter(({ state }) => state === 'queued')
      expect(left, story).toEqual([])
    }
    const ends = await races.play(begin, { runs: 50, seed: action.length })
    if (store.dialect === 'postgres') return
    for (const [end, count] of Object.entries(ends)) expect([end, count]).not.toEqual([end, 0])
  },
)

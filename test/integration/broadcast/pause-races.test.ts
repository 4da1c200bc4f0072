import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import type { Store } from '#platform/store/store.ts'
import type { Sender } from '../../../src/action/sender.ts'
import { createTemplateCache } from '../../../src/creative/template-cache.ts'
import { type BroadcastAction, moveBroadcast } from '../../../src/pipeline/broadcast/move-broadcast.ts'
import { createClaimFacts } from '../../../src/pipeline/claim-facts.ts'
import { openExposures } from '../../../src/pipeline/open-exposures.ts'
import { createRenderPort } from '../../../src/pipeline/render-message.ts'
import { createWorkspaceContexts } from '../../../src/pipeline/workspace-context.ts'
import { watchBlocked } from '../../services/postgres.ts'
import {
  type Actor,
  drawnInterleavings,
  everyInterleaving,
  noneBlocked,
  type Points,
  stoppingStore,
} from '../../support/interleavings.ts'
import { storeLocation } from '../../support/test-store.ts'
import { calmWorld, createBench, sent } from '../../unit/action/support.ts'
import { type EngineWorld, openEngineOn, workspace } from '../pipeline/engine-world.ts'
import { introduce, saleFile, startSale } from './broadcast-world.ts'

/**
 * A pause and a cancellation against a broadcast, in every order of what they do: the page of customers, the
 * claim, its facts, the provider's call and its result on one side; the transaction, its commit and its
 * acknowledgement on the other. The real engine on the real store, stopped from outside at its ports. One
 * customer, and a run for each order.
 */
let folder = ''
let world: EngineWorld
let raw: Store
let sender: Sender
let points: Points | null = null
/** What the outside has seen, in order. */
let seen: string[] = []
let edition = 0
const writer = { inside: null as string | null }
let blocked: Awaited<ReturnType<typeof watchBlocked>> | undefined

beforeAll(async () => {
  // A disk that need not turn: dozens of orders, each with its commits.
  const shared = '/dev/shm'
  folder = mkdtempSync(join(existsSync(shared) ? shared : tmpdir(), 'starling-pauses-'))
  const wrapStore = (store: Store): Store => {
    raw = store
    return stoppingStore(store, 'send', () => points, writer, note)
  }
  world = await openEngineOn(folder, { yaml: saleFile(), wrapStore })
  const { url } = await storeLocation(folder)
  if (url !== undefined) blocked = await watchBlocked(url)
  const facts = createClaimFacts(createWorkspaceContexts())
  const bench = await createBench(
    world.engine.parts.store,
    {
      id: 'scripted',
      weight: 1,
      resends: false,
      async send(message) {
        await points?.at('send', 'calls the provider')
        seen.push(`called ${message.messageId}`)
        return sent
      },
      close: async () => {},
    },
    calmWorld(),
    {
      workspaces: { list: async () => [workspace] },
      facts: {
        async load(...known: Parameters<typeof facts.load>) {
          const loaded = await facts.load(...known)
          await points?.at('send', 'has the facts of the claim')
          return loaded
        },
      } as never,
      render: createRenderPort(createTemplateCache(10)) as never,
      sent: { recordSent: openExposures },
      clock: world.clock,
    },
  )
  sender = bench.sender
  await introduce(world, ['ann'])
}, 60_000)
afterAll(async () => {
  await blocked?.end()
  await world.close()
  rmSync(folder, { recursive: true, force: true })
})

const note = (actor: string): void => {
  seen.push(`${actor} committed`)
}

async function say(store: Store, action: BroadcastAction): Promise<string[]> {
  const change = { workspace, actor: 'ann', campaignId: 'sale', action, note: '' }
  const moved = await moveBroadcast({ store, clock: world.clock }, change)
  if (moved.kind === 'refused') throw new Error(moved.fault.detail)
  return moved.alreadySending
}

/** A page of the broadcast, and what comes of it. */
async function send(): Promise<void> {
  await world.engine.roles.worker.fireTimers()
  do await sender.drain()
  while ((await sender.step()) > 0)
  await sender.drain()
}

/** Where transactions overlap there are dozens of orders: some of them, other ones for each no. */
const drawn = (seed: number) => ({ runs: 50, random: createSeededRandom(seed) })

test.each(['pause', 'cancel'] as const)(
  '%s: in every order, no send begins after its acknowledgement but those it lists, and none is lost',
  async (action) => {
    const ends = { listed: 0, calledBefore: 0, stopped: 0 }
    let listed: readonly string[] = []
    const actors = async (own: Points): Promise<Actor[]> => {
      // What was cancelled begins again with a changed definition.
      if (action === 'cancel') await world.apply(saleFile().replace('name: Sale', `name: Sale ${++edition}`))
      const started = await startSale(world, true)
      if (started.kind === 'refused') throw new Error(started.fault.detail)
      seen = []
      listed = []
      points = own
      const theirs = stoppingStore(raw, 'no', () => points, writer, note)
      return [
        { name: 'send', run: send },
        {
          name: 'no',
          async run() {
            listed = await say(theirs, action)
            await own.at('no', 'acknowledges')
            seen.push('acknowledged')
          },
        },
      ]
    }
    const check = async (trace: readonly string[]): Promise<void> => {
      points = null
      const story = `${trace.join(', ')}\n${seen.join(', ')}`
      await send()
      const calls = seen.filter((entry) => entry.startsWith('called'))
      const after = seen.slice(seen.indexOf('acknowledged')).filter((entry) => entry.startsWith('called'))
      expect(
        after.map((entry) => entry.slice(7)).filter((id) => !listed.includes(id)),
        story,
      ).toEqual([])
      expect(calls.length, story).toBeLessThanOrEqual(1)
      if (listed.length > 0) ends.listed++
      else if (calls.length > 0) ends.calledBefore++
      else ends.stopped++
      if (action === 'pause') await say(raw, 'resume')
      await send()
      const all = seen.filter((entry) => entry.startsWith('called'))
      // Resumed, everybody gets it once; cancelled, nobody who had not got it by then.
      expect(all.length, story).toBe(action === 'pause' ? 1 : calls.length)
      const left = (await world.rows('messages')).filter(({ state }) => state === 'queued')
      expect(left, story).toEqual([])
    }
    if (blocked !== undefined) {
      const orders = await drawnInterleavings(actors, check, blocked.count, drawn(action.length))
      expect(orders).toBeGreaterThan(12)
      return
    }
    expect(await everyInterleaving(actors, check, noneBlocked)).toBe(18)
    for (const [end, count] of Object.entries(ends)) expect([end, count]).not.toEqual([end, 0])
  },
)

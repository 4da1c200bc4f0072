import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import type { Store } from '#platform/store/store.ts'
import { createTemplateCache } from '../../src/creative/template-cache.ts'
import { createClaimFacts } from '../../src/pipeline/claim-facts.ts'
import { openExposures } from '../../src/pipeline/open-exposures.ts'
import { createRenderPort } from '../../src/pipeline/render-message.ts'
import { createWorkspaceContexts } from '../../src/pipeline/workspace-context.ts'
import { type EngineWorld, openEngineOn, workspace } from '../integration/pipeline/engine-world.ts'
import { watchBlocked } from '../services/postgres.ts'
import { calmWorld, createBench, sent } from '../unit/action/support.ts'
import {
  drawnInterleavings,
  everyInterleaving,
  noneBlocked,
  type Points,
  stoppingStore,
} from './interleavings.ts'
import { storeLocation } from './test-store.ts'

/** A send and a no that meet, once for each order of what they do. */
export interface Race {
  send(): Promise<void>
  /** Over a store that stops; resolves, when it is acknowledged, to the messages it came too late for. */
  no(store: Store): Promise<readonly string[]>
  /** What else must hold of an order. */
  after(order: { calls: string[]; listed: readonly string[]; story: string }): Promise<void>
}

/** How many orders ended so. */
export type RaceEnds = Record<'listed' | 'calledBefore' | 'stopped', number>

export interface RaceWorld {
  world: EngineWorld
  /** It never stops. */
  store: Store
  /** What the outside has seen of the present order. */
  seen: string[]
  /** Sends what is due, and what was put off meanwhile. */
  send(): Promise<void>
  calls(): string[]
  /**
   * In every order no send begins after the no's acknowledgement but those it lists, and none twice. With one
   * writer at a time there are 18 orders, and all are played. In PostgreSQL transactions overlap: hundreds, a
   * minute for each kind of no; so many `runs` of them are drawn there.
   */
  play(begin: () => Promise<Race>, drawn: { runs: number; seed: number }): Promise<RaceEnds>
  close(): Promise<void>
}

/** The real engine on the real store, stopped from outside at its ports. */
export async function openRaceWorld(yaml: string): Promise<RaceWorld> {
  // A disk that need not turn: hundreds of orders, each with its commits.
  const shared = '/dev/shm'
  const folder = mkdtempSync(join(existsSync(shared) ? shared : tmpdir(), 'starling-races-'))
  const writer = { inside: null as string | null }
  const seen: string[] = []
  let points: Points | null = null
  const stopping = (store: Store, actor: string): Store =>
    stoppingStore(
      store,
      actor,
      () => points,
      writer,
      () => seen.push(`${actor} committed`),
    )
  let raw: Store | undefined
  const wrapStore = (store: Store): Store => {
    raw = store
    return stopping(store, 'send')
  }
  const world = await openEngineOn(folder, { yaml, wrapStore })
  if (raw === undefined) throw new Error('the engine has no store')
  const store = raw
  const { url } = await storeLocation(folder)
  const blocked = url === undefined ? undefined : await watchBlocked(url)
  const facts = createClaimFacts(createWorkspaceContexts())
  const { sender } = await createBench(
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
  const send = async (): Promise<void> => {
    do await sender.drain()
    while ((await sender.step()) > 0)
    await sender.drain()
  }
  const callsIn = (entries: readonly string[]): string[] =>
    entries.filter((entry) => entry.startsWith('called')).map((entry) => entry.slice(7))
  return {
    world,
    store,
    seen,
    send,
    calls: () => callsIn(seen),
    async play(begin, { runs, seed }) {
      const ends: RaceEnds = { listed: 0, calledBefore: 0, stopped: 0 }
      let listed: readonly string[] = []
      let race: Race | undefined
      const actors = async (own: Points) => {
        const now = await begin()
        race = now
        seen.length = 0
        listed = []
        points = own
        const no = async (): Promise<void> => {
          listed = await now.no(stopping(store, 'no'))
          await own.at('no', 'acknowledges')
          seen.push('acknowledged')
        }
        return [
          { name: 'send', run: now.send },
          { name: 'no', run: no },
        ]
      }
      const check = async (trace: readonly string[]): Promise<void> => {
        points = null
        const story = `${trace.join(', ')}\n${seen.join(', ')}`
        // What was put off while the customer was in other hands goes on without a schedule.
        await race?.send()
        const calls = callsIn(seen)
        const after = callsIn(seen.slice(seen.indexOf('acknowledged')))
        expect(
          after.filter((id) => !listed.includes(id)),
          story,
        ).toEqual([])
        expect(calls.length, story).toBeLessThanOrEqual(1)
        if (listed.length > 0) ends.listed++
        else if (calls.length > 0) ends.calledBefore++
        else ends.stopped++
        await race?.after({ calls, listed, story })
      }
      if (blocked === undefined) {
        expect(await everyInterleaving(actors, check, noneBlocked)).toBe(18)
      } else {
        const drawn = { runs, random: createSeededRandom(seed) }
        expect(await drawnInterleavings(actors, check, blocked.count, drawn)).toBeGreaterThan(12)
      }
      return ends
    },
    async close() {
      await blocked?.end()
      await world.close()
    },
  }
}

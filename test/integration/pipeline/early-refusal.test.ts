import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { CapCache } from '#contracts/cap-cache.ts'
import { createInProcessCapCache } from '#platform/cache/in-process-cap-cache.ts'
import {
  customer,
  type EngineWorld,
  hour,
  identify,
  minute,
  openEngineOn,
  track,
  welcomeFile,
  workspace,
} from './engine-world.ts'

const capped = welcomeFile({
  top: `guardrails:
  frequencyCaps:
    - { sendsMax: 2, window: { hours: 24 } }
    - { sendsMax: 1, window: { localDays: 1 }, channel: email }`,
})
const people = ['ada', 'bea', 'cyd', 'dan']

describe('early refusal by caps', () => {
  const open: EngineWorld[] = []
  afterEach(async () => {
    for (const world of open.splice(0)) await world.close()
  })
  const openWorld = async (yaml: string, capCache?: CapCache): Promise<EngineWorld> => {
    const folder = mkdtempSync(join(tmpdir(), 'starling-engine-'))
    const world = await openEngineOn(folder, { yaml, ...(capCache === undefined ? {} : { capCache }) })
    open.push(world)
    return world
  }
  /** Everybody signs up every five hours for three days; sends follow at once. */
  const play = async (world: EngineWorld): Promise<void> => {
    await world.take(...people.map((id, i) => identify(id, i === 1 ? { timezone: 'Asia/Kolkata' } : {})))
    for (let round = 0; round < 15; round++) {
      await world.take(...people.map((id) => track(id, 'Signed Up', `${id}-${round}`)))
      await world.decide()
      await world.send()
      world.clock.stepTo(world.clock.now() + 5 * hour)
    }
  }

  test('decides byte for byte as without it, and asks the ledger less', async () => {
    const seen: Seen = { full: 0, asked: 0, rebuilt: 0 }
    const cache = createInProcessCapCache({ wallClock: { now: () => 0 } })
    const without = await openWorld(capped)
    const early = await openWorld(capped, watched(cache, seen))
    await play(without)
    await play(early)
    const records = async (world: EngineWorld) =>
      (await world.rows('decisions'))
        .map((row) => [row.decision_id, Buffer.from(row.record).toString('hex')])
        .sort()
    const sends = async (world: EngineWorld) =>
      (await world.rows('messages')).map((row) => [row.message_id, row.state, row.sending_at]).sort()
    expect(await records(early)).toEqual(await records(without))
    expect(await sends(early)).toEqual(await sends(without))
    expect((await sends(early)).length).toBeGreaterThan(8)
    expect(seen).toMatchObject({ asked: 60, rebuilt: 4 })
    expect(seen.full).toBeGreaterThan(20)
  })

  test('forgetting everything in the middle costs reads and nothing else', async () => {
    let cache = createInProcessCapCache({ wallClock: { now: () => 0 } })
    const seen: Seen = { full: 0, asked: 0, rebuilt: 0 }
    const world = await openWorld(capped, watched({ ...delegating(() => cache) }, seen))
    await world.take(identify('ada'))
    for (let round = 0; round < 6; round++) {
      if (round === 3) cache = createInProcessCapCache({ wallClock: { now: () => 0 } })
      await world.take(track('ada', 'Signed Up', `ada-${round}`))
      await world.decide()
      await world.send()
    }
    expect(await world.messagesOf('ada')).toHaveLength(1)
    expect(seen.rebuilt).toBe(2)
    // Sends since are refused from the cache again.
    expect(seen.full).toBe(4)
  })

  test('a send that was noted and never happened refuses until its list ends, and no longer', async () => {
    let wallNow = 0
    const cache = createInProcessCapCache({ wallClock: { now: () => wallNow } })
    const world = await openWorld(capped, cache)
    await world.take(identify('ada'))
    await cache.rebuild(workspace, [customer('ada')], 0, async () => new Map())
    const at = world.clock.now()
    const phantom = { customerId: customer('ada'), messageId: 'f'.repeat(32), channel: 'email', at } as const
    await cache.note(workspace, [{ ...phantom, campaignId: 'welcome' }])
    await world.take(track('ada', 'Signed Up', 'one'))
    await world.decide()
    expect(await world.messagesOf('ada')).toEqual([])
    const [refused] = await world.rows('decisions')
    expect(refused?.outcome).not.toBe('treatment')
    wallNow += hour
    await world.take(track('ada', 'Signed Up', 'two'))
    await world.decide()
    await world.send()
    expect((await world.messagesOf('ada')).map(({ state }) => state)).toEqual(['sent'])
  })

  test('a campaign that no full cap binds is decided from the ledger', async () => {
    const seen: Seen = { full: 0, asked: 0, rebuilt: 0 }
    const cache = createInProcessCapCache({ wallClock: { now: () => 0 } })
    const own = welcomeFile({ campaign: 'frequencyCaps: [{ sendsMax: 1, window: { hours: 24 } }]' })
    const other = own
      .slice(own.indexOf('  - id: welcome'))
      .replace('id: welcome', 'id: autumn')
      .replace('Signed Up', 'Came Back')
    const world = await openWorld(`${own.trimEnd()}\n${other}`, watched(cache, seen))
    await world.take(identify('ada'))
    for (const name of ['one', 'two']) {
      await world.take(track('ada', 'Signed Up', name))
      await world.decide()
      await world.send()
    }
    // The second time a message of the campaign is queued: the ledger knows, and the cache does not.
    for (const name of ['three', 'four']) {
      world.clock.stepTo(world.clock.now() + minute)
      await world.take(track('ada', 'Came Back', name))
      await world.decide()
    }
    await world.send()
    expect((await world.rows('messages')).map((row) => row.campaign_id).sort()).toEqual(['autumn', 'welcome'])
    expect(seen.full).toBeGreaterThan(0)
  })
})

interface Seen {
  asked: number
  full: number
  rebuilt: number
}

function watched(cache: CapCache, seen: Seen): CapCache {
  return {
    ...cache,
    async check(of, questions) {
      const answers = await cache.check(of, questions)
      seen.asked += questions.length
      seen.full += answers.filter(({ kind }) => kind === 'full').length
      return answers
    },
    async rebuild(of, customerIds, since, load) {
      seen.rebuilt += customerIds.length
      return await cache.rebuild(of, customerIds, since, load)
    },
  }
}

function delegating(current: () => CapCache): CapCache {
  return {
    check: (...args) => current().check(...args),
    rebuild: (...args) => current().rebuild(...args),
    note: (...args) => current().note(...args),
    takeBack: (...args) => current().takeBack(...args),
  }
}

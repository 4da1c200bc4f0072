import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CapCache } from '#contracts/cap-cache.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import { createRedisCapCache } from '#platform/cache/redis-cap-cache.ts'
import { createRedisProfileCache } from '#platform/cache/redis-profile-cache.ts'
import { createRedisTokenBucket } from '#platform/cache/redis-token-bucket.ts'
import { stableId } from '#platform/ids/ids.ts'
import {
  customer,
  type EngineWorld,
  hour,
  identify,
  openEngineOn,
  track,
  welcomeFile,
} from '../integration/pipeline/engine-world.ts'
import { type LinkLines, type OwnRedis, openLink, startRedis } from './redis.ts'

const sendsMax = 2
const capped = welcomeFile({
  top: `guardrails: { frequencyCaps: [{ sendsMax: ${sendsMax}, window: { hours: 24 } }] }`,
})
const people = ['ada', 'bea', 'cyd', 'dan', 'eve']
const rules = [{ sendsMax: 1, since: 0 }]

describe('Redis fails', () => {
  let server: OwnRedis
  const links: LinkLines[] = []
  const open = async (answerMaxMs?: number, restMs?: number): Promise<LinkLines> => {
    const made = await openLink(server.url, answerMaxMs, restMs)
    links.push(made)
    return made
  }
  beforeEach(async () => {
    server = await startRedis()
  })
  afterEach(async () => {
    for (const { link } of links.splice(0)) link.close()
    await server.dispose()
  })

  describe('while people are decided about', () => {
    let world: EngineWorld
    let caps: CapCache
    const openWorld = async (answerMaxMs?: number, restMs?: number): Promise<void> => {
      caps = createRedisCapCache((await open(answerMaxMs, restMs)).link)
      const folder = mkdtempSync(join(tmpdir(), 'starling-engine-'))
      world = await openEngineOn(folder, { yaml: capped, capCache: caps })
      await world.take(...people.map((id) => identify(id)))
    }
    afterEach(() => world.close())
    const signUp = async (round: string): Promise<void> => {
      await world.take(...people.map((id) => track(id, 'Signed Up', `${id}-${round}`)))
      await world.decide()
      await world.send()
      world.clock.stepTo(world.clock.now() + hour)
    }
    const kinds = async (): Promise<string[]> => {
      const questions = people.map((id) => ({ customerId: customer(id), rules }))
      return (await caps.check('main', questions)).map(({ kind }) => kind)
    }
    /** By hand from the ledger: most sends that any 24 hours of anybody hold, and all there are. */
    const counted = async (): Promise<{ most: number; all: number }> => {
      const taken = (await world.rows('messages')).filter((row) => row.sending_at !== null)
      const inWindow = taken.map(
        (last) =>
          taken.filter(
            (row) =>
              row.customer_id === last.customer_id &&
              (row.sending_at as number) <= (last.sending_at as number) &&
              (row.sending_at as number) > (last.sending_at as number) - 24 * hour,
          ).length,
      )
      return { most: Math.max(0, ...inWindow), all: taken.length }
    }

    test('FLUSHALL: nobody is taken for somebody without sends, and all is rebuilt from the ledger', async () => {
      await openWorld()
      await signUp('one')
      await signUp('two')
      expect(await kinds()).toEqual(people.map(() => 'full'))
      await server.client.flushall()
      await server.client.script('FLUSH')
      expect(await kinds()).toEqual(people.map(() => 'unknown'))
      await signUp('three')
      await vi.waitUntil(async () => (await kinds()).every((kind) => kind === 'full'))
      await signUp('four')
      expect(await counted()).toEqual({ most: sendsMax, all: sendsMax * people.length })
      // The windows pass: the slots are free again.
      world.clock.stepTo(world.clock.now() + 24 * hour)
      await signUp('five')
      expect(await counted()).toEqual({ most: sendsMax, all: (sendsMax + 1) * people.length })
      expect(world.errors).toEqual([])
    })

    test('killed, and back without anything: decided from the store meanwhile, no cap exceeded', async () => {
      await openWorld(200, 100)
      await signUp('one')
      await server.kill()
      await signUp('two')
      await signUp('three')
      expect(await kinds()).toEqual(people.map(() => 'unknown'))
      await server.start()
      await vi.waitUntil(async () => (await server.client.ping().catch(() => '')) === 'PONG', {
        timeout: 10_000,
      })
      await vi.waitUntil(
        async () => {
          await signUp(`more-${world.clock.now()}`)
          return (await kinds()).every((kind) => kind === 'full')
        },
        { timeout: 20_000 },
      )
      const { most } = await counted()
      expect(most).toBe(sendsMax)
      expect(world.errors).toEqual([])
    })
  })

  test('stopped in mid-work: unknown within the bound, then at once; back when it goes on', async () => {
    const { link, warnings, notes } = await open(50, 300)
    const caps = createRedisCapCache(link)
    const bucket = createRedisTokenBucket(link)
    const profiles = createRedisProfileCache(link)
    const slot: ContactSlot = {
      messageId: stableId('m'),
      channel: 'email',
      campaignId: 'welcome',
      state: 'sent',
      at: 1,
      transactional: false,
    }
    await caps.rebuild('main', ['ada'], 0, async () => new Map([['ada', [slot]]]))
    const kind = async () => (await caps.check('main', [{ customerId: 'ada', rules }]))[0]?.kind
    await vi.waitUntil(async () => (await kind()) === 'full')
    server.signal('SIGSTOP')
    const startedAt = performance.now()
    expect(await kind()).toBe('unknown')
    const firstMs = performance.now() - startedAt
    // Not at once: it was asked. A busy machine may be late by some tens of milliseconds.
    expect(firstMs).toBeGreaterThan(40)
    expect(firstMs).toBeLessThan(500)
    const restAt = performance.now()
    for (let i = 0; i < 100; i++) {
      expect(await kind()).toBe('unknown')
      expect((await bucket.take({ name: 'smtp', perSecond: 1000, burst: 1000 }, 1, 5000)).kind).toBe('wait')
      expect((await profiles.get('main', [{ customerId: 'ada', stamp: '1.1' }])).size).toBe(0)
    }
    // 300 answers, of which one or two waited: the others were not even asked for.
    expect(performance.now() - restAt).toBeLessThan(3000)
    server.signal('SIGCONT')
    await vi.waitUntil(async () => (await kind()) === 'full', { timeout: 10_000 })
    expect([warnings.length, notes.length]).toEqual([1, 1])
  })

  test('what one process notes another refuses by; a bucket is one for all', async () => {
    const [one, other] = [await open(), await open()]
    const [mine, theirs] = [createRedisCapCache(one.link), createRedisCapCache(other.link)]
    await mine.rebuild('main', ['ada'], 0, async () => new Map())
    const kind = async () => (await theirs.check('main', [{ customerId: 'ada', rules }]))[0]?.kind
    await vi.waitUntil(async () => (await kind()) === 'free')
    await mine.note('main', [
      { customerId: 'ada', messageId: stableId('m'), channel: 'email', campaignId: 'welcome', at: 5 },
    ])
    expect(await kind()).toBe('full')

    const buckets = [createRedisTokenBucket(one.link), createRedisTokenBucket(other.link)]
    const rate = { name: 'smtp:mail.example', perSecond: 50, burst: 5 }
    const waits: number[] = []
    const take = async (i: number): Promise<void> => {
      const result = await buckets[i % 2]?.take(rate, 1, 10_000)
      if (result?.kind === 'granted') waits.push(result.afterMs)
    }
    await Promise.all(Array.from({ length: 40 }, (_, i) => take(i)))
    // An empty bucket at first: the n-th of them comes after n/50 s, less what the calls themselves took.
    expect(waits).toHaveLength(40)
    expect(Math.max(...waits)).toBeGreaterThan(600)
    expect(Math.max(...waits)).toBeLessThanOrEqual(800)
  })

  test('a bucket that was lost grants nothing at first', async () => {
    const bucket = createRedisTokenBucket((await open()).link)
    const rate = { name: 'smtp', perSecond: 1, burst: 100 }
    await server.client.hset('starling:rate:smtp', 'tokens', '100', 'at', String(Date.now() * 1000))
    expect((await bucket.take(rate, 90, 0)).kind).toBe('granted')
    await server.client.flushall()
    expect((await bucket.take(rate, 1, 0)).kind).toBe('wait')
  })
})

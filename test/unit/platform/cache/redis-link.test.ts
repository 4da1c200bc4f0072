import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createRedisCapCache } from '#platform/cache/redis-cap-cache.ts'
import { openRedisLink, type RedisLink } from '#platform/cache/redis-link.ts'
import { createRedisProfileCache } from '#platform/cache/redis-profile-cache.ts'
import { createRedisTokenBucket } from '#platform/cache/redis-token-bucket.ts'

describe('a Redis that is not there', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })
  /** A port at which nobody listens, or where whoever listens never says a word. */
  const openTo = async (listener: 'nobody' | 'mute'): Promise<{ link: RedisLink; warnings: string[] }> => {
    const sockets: Socket[] = []
    const server = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const close = () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
    if (listener === 'nobody') {
      close()
      await once(server, 'close')
    } else closers.push(close)
    const warnings: string[] = []
    const logger = { info() {}, warn: (text: string) => void warnings.push(text) }
    const link = await openRedisLink({ url: `redis://127.0.0.1:${address.port}`, logger })
    closers.push(link.close)
    return { link, warnings }
  }

  test.each(['nobody', 'mute'] as const)(
    '%s: the process starts, and nothing is allowed',
    async (listener) => {
      const { link, warnings } = await openTo(listener)
      const startedAt = performance.now()
      const rules = [{ sendsMax: 1, since: 0 }]
      const caps = createRedisCapCache(link)
      const questions = ['ada', 'bea'].map((customerId) => ({ customerId, rules }))
      expect(await caps.check('main', questions)).toEqual([{ kind: 'unknown' }, { kind: 'unknown' }])
      const slots = new Map()
      expect(await caps.rebuild('main', ['ada'], 0, async () => slots)).toBe(slots)
      await caps.note('main', [
        { customerId: 'ada', messageId: 'm', channel: 'email', campaignId: 'c', at: 1 },
      ])
      await caps.takeBack('main', [{ customerId: 'ada', messageId: 'm' }])

      const taken = await createRedisTokenBucket(link).take({ name: 'smtp', perSecond: 9, burst: 9 }, 1, 5000)
      expect(taken.kind).toBe('wait')
      expect(taken.kind === 'wait' && taken.retryAfterMs).toBeGreaterThan(0)

      const profiles = createRedisProfileCache(link)
      expect((await profiles.get('main', [{ customerId: 'ada', stamp: '1.1' }])).size).toBe(0)
      expect(await profiles.forget('main', ['ada'])).toBe(false)
      // Seven answers: each would wait for an answer that does not come, if a rest were not taken.
      expect(performance.now() - startedAt).toBeLessThan(500)
      expect(warnings).toHaveLength(1)
    },
  )
})

import { Cluster } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { customerKey, groupsOf } from '#platform/cache/cache-key.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import { type OwnRedis, openLink, startRedis } from './redis.ts'

describe('keys in a cluster', () => {
  let server: OwnRedis
  beforeAll(async () => {
    server = await startRedis({ isCluster: true })
  })
  afterAll(() => server.dispose())
  const slotOf = (key: string): Promise<number> => server.client.cluster('KEYSLOT', key)

  test('all keys of one script are in one slot, by the word of the server; together they are spread', async () => {
    const ids = Array.from({ length: 256 }, (_, i) => customerIdOf('main', 'user', `u${i}`))
    const groups = groupsOf(ids, true, 512)
    expect(groups.flat().sort((a, b) => a - b)).toEqual(Array.from(ids.keys()))
    const slots = new Set<number>()
    for (const kind of ['caps', 'profile'] as const) {
      for (const group of groups) {
        const keys = group.map((index) => customerKey(kind, 'main', ids[index] as string))
        const own = new Set(await Promise.all(keys.map(slotOf)))
        expect(own.size).toBe(1)
        for (const slot of own) slots.add(slot)
      }
    }
    // 64 buckets: few calls a batch, and enough slots for every node of 16 to have its share.
    expect(groups.length).toBeLessThanOrEqual(64)
    expect(slots.size).toBeGreaterThan(56)
    expect(new Set([...slots].map((slot) => Math.floor(slot / 1024))).size).toBeGreaterThan(12)
  })

  test('on a single server one script asks about all of them', () => {
    const ids = Array.from({ length: 256 }, (_, i) => customerIdOf('main', 'user', `u${i}`))
    expect(groupsOf(ids, false, 512)).toHaveLength(1)
    expect(groupsOf(ids, false, 100).map((group) => group.length)).toEqual([100, 100, 56])
  })

  test('a cluster is known by itself: the same address will do', async () => {
    const { link } = await openLink(server.url)
    expect(await link.ask(async (client, isCluster) => isCluster && client instanceof Cluster)).toBe(true)
    link.close()
  })
})

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Customer } from '#contracts/profile.ts'
import { type ProfileCache, profileStamp } from '#contracts/profile-cache.ts'

export interface ProfilesUnderTest {
  cache: ProfileCache
  /** Lets so much time pass for the copies. */
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

/** Copies live so long in the caches under test. */
export const testCopyMs = 300

/** What every adapter of the `ProfileCache` port must do. */
export function profileCacheContract(name: string, open: () => Promise<ProfilesUnderTest>): void {
  describe(name, () => {
    let made: ProfilesUnderTest
    let cache: ProfileCache
    const workspace = `w-${randomUUID()}`
    beforeAll(async () => {
      made = await open()
      cache = made.cache
    })
    afterAll(() => made.close())
    const stamp = (version: number, updatedAt = 1000) => profileStamp({ version, updated_at: updatedAt })
    const get = async (customerId: string, wanted: string) =>
      (await cache.get(workspace, [{ customerId, stamp: wanted }])).get(customerId)

    test('a copy of the row as it is now is given, with everything in it', async () => {
      const ada = customer('ada', 3)
      await cache.set(workspace, [{ customer: ada, stamp: stamp(3) }])
      expect(await get('ada', stamp(3))).toEqual(ada)
      expect(await cache.get(workspace, [])).toEqual(new Map())
    })

    test('a copy of an older row is a miss, and so is one of a newer row', async () => {
      await cache.set(workspace, [{ customer: customer('bea', 3), stamp: stamp(3) }])
      expect(await get('bea', stamp(4))).toBeUndefined()
      expect(await get('bea', stamp(2))).toBeUndefined()
      // A stamp that another begins with.
      expect(await get('bea', stamp(3, 100))).toBeUndefined()
    })

    test('a customer who was erased and came back with the same version is not the one before', async () => {
      await cache.set(workspace, [{ customer: customer('cyd', 1), stamp: stamp(1, 1000) }])
      expect(await get('cyd', stamp(1, 2000))).toBeUndefined()
    })

    test('several are answered each for themselves', async () => {
      await cache.set(workspace, [
        { customer: customer('dan', 1), stamp: stamp(1) },
        { customer: customer('eve', 2), stamp: stamp(2) },
      ])
      const wanted = [
        { customerId: 'nobody', stamp: stamp(1) },
        { customerId: 'eve', stamp: stamp(2) },
        { customerId: 'dan', stamp: stamp(2) },
      ]
      expect([...(await cache.get(workspace, wanted)).keys()]).toEqual(['eve'])
    })

    test('what one reader does to its copy another does not see', async () => {
      await cache.set(workspace, [{ customer: customer('fay', 1), stamp: stamp(1) }])
      const first = await get('fay', stamp(1))
      if (first) first.profile.traits.plan = 'changed'
      expect((await get('fay', stamp(1)))?.profile.traits.plan).toBe('gold')
    })

    test('a copy is forgotten when told to, and by itself', async () => {
      await cache.set(workspace, [
        { customer: customer('gil', 1), stamp: stamp(1) },
        { customer: customer('hal', 1), stamp: stamp(1) },
      ])
      expect(await cache.forget(workspace, ['gil'])).toBe(true)
      expect(await get('gil', stamp(1))).toBeUndefined()
      expect(await get('hal', stamp(1))).toBeDefined()
      await made.pass(testCopyMs + 50)
      expect(await get('hal', stamp(1))).toBeUndefined()
    })

    test('workspaces know nothing of each other', async () => {
      await cache.set(workspace, [{ customer: customer('ida', 1), stamp: stamp(1) }])
      const other = await cache.get(`${workspace}-other`, [{ customerId: 'ida', stamp: stamp(1) }])
      expect(other.size).toBe(0)
    })
  })
}

function customer(customerId: string, version: number): Customer {
  const profile = {
    traits: { plan: 'gold', tags: ['a', 'b'] },
    email: 'ada@example.com',
    firstSeenAt: 1,
    lastSeenAt: 2,
    counts: {},
    segments: { buyers: 5 },
  }
  return { workspace: 'main', customerId, version, mergedInto: null, profile }
}

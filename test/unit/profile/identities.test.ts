import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { customerIdOf } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { createIdentities } from '../../../src/profile/identities.ts'
import { createIdentityCache } from '../../../src/profile/identity-cache.ts'
import { useStores, workspace } from './support.ts'

const open = useStores()
const user = (id: string) => customerIdOf(workspace, 'user', id)
const anonymous = (id: string) => customerIdOf(workspace, 'anonymous', id)

/** A store that counts the queries and transactions it is asked for. */
function counting(store: Store): { store: Store; asked: { reads: number; transactions: number } } {
  const asked = { reads: 0, transactions: 0 }
  const counted: Store = {
    ...store,
    read: {
      get system() {
        return store.read.system
      },
      recurring: (query, values) => store.read.recurring(query, values),
      atOnce: (work) => store.read.atOnce(work),
      workspace(name) {
        asked.reads += 1
        return store.read.workspace(name)
      },
    },
    transaction(work) {
      asked.transactions += 1
      return store.transaction(work)
    },
  }
  return { store: counted, asked }
}

describe('resolving', () => {
  test('an id that is linked to nothing has a customer by its hash and no row; the user’s id wins', async () => {
    const store = await open()
    const { resolveMany } = createIdentities(store)
    const ids = [
      { userId: 'u' },
      { anonymousId: 'u' },
      { userId: 'u', anonymousId: 'a' },
      { anonymousId: 'a' },
    ]
    expect(await resolveMany(workspace, ids)).toEqual([user('u'), anonymous('u'), user('u'), anonymous('a')])
    expect(
      await store.read.workspace(workspace).selectFrom('identities').selectAll('identities').execute(),
    ).toEqual([])
    expect(user('u')).not.toBe(anonymous('u'))
  })

  test('many take one query, and none when they are remembered, absence of a user included', async () => {
    const { store, asked } = counting(await open())
    const identities = createIdentities(store)
    const ids = Array.from({ length: 20 }, (_, i) =>
      // Of a visitor absence is remembered where no other process shares the store.
      i % 2 === 0 || store.dialect === 'postgres' ? { userId: `u${i}` } : { anonymousId: `a${i}` },
    )
    const first = await identities.resolveMany(workspace, ids)
    expect(asked.reads).toBe(1)
    expect(await identities.resolveMany(workspace, ids.toReversed())).toEqual(first.toReversed())
    expect(await identities.resolve(workspace, { userId: 'u4' })).toBe(user('u4'))
    expect(asked).toEqual({ reads: 1, transactions: 0 })
    await identities.resolveMany('other', ids)
    expect(asked.reads).toBe(2)
  })

  test('what another process linked is found unless remembered; of a visitor always where it shares the store', async () => {
    const store = await open()
    const isShared = store.dialect === 'postgres'
    const [here, there] = [createIdentities(store), createIdentities(store)]
    expect(await here.resolve(workspace, { anonymousId: 'remembered' })).toBe(anonymous('remembered'))
    await there.link(workspace, { userId: 'u', anonymousId: 'remembered' }, 1)
    await there.link(workspace, { userId: 'u', anonymousId: 'new' }, 1)
    expect(await here.resolve(workspace, { anonymousId: 'new' })).toBe(user('u'))
    expect(await here.resolve(workspace, { anonymousId: 'remembered' })).toBe(
      isShared ? user('u') : anonymous('remembered'),
    )
    expect(await there.resolve(workspace, { anonymousId: 'remembered' })).toBe(user('u'))
  })
})

describe('identify with both ids', () => {
  test('joins the anonymous id to the user, and says so each time', async () => {
    const { store, asked } = counting(await open())
    const identities = createIdentities(store)
    await identities.resolve(workspace, { anonymousId: 'a' })
    const ids = { userId: 'u', anonymousId: 'a' }
    const linked = { customerId: user('u'), mergeFrom: [anonymous('a')] }
    expect(await identities.link(workspace, ids, 1)).toEqual(linked)
    expect(await identities.resolve(workspace, { anonymousId: 'a' })).toBe(user('u'))
    const before = { ...asked }
    expect(await identities.link(workspace, ids, 2)).toEqual(linked)
    expect(asked).toEqual(before)
    // Another process, which remembers nothing.
    expect(await createIdentities(store).link(workspace, ids, 3)).toEqual(linked)
    expect(asked.transactions).toBe(before.transactions)
    expect(
      await store.read.workspace('other').selectFrom('identities').selectAll('identities').execute(),
    ).toEqual([])
  })

  test('the anonymous id stays with the first user, at the cost of no transaction', async () => {
    const { store, asked } = counting(await open())
    const identities = createIdentities(store)
    await identities.link(workspace, { userId: 'first', anonymousId: 'shared' }, 1)
    const before = asked.transactions
    const second = { userId: 'second', anonymousId: 'shared' }
    expect(await identities.link(workspace, second, 2)).toEqual({ customerId: user('second'), mergeFrom: [] })
    expect(await createIdentities(store).link(workspace, second, 2)).toEqual({
      customerId: user('second'),
      mergeFrom: [],
    })
    expect(asked.transactions).toBe(before)
    expect(await identities.resolve(workspace, { anonymousId: 'shared' })).toBe(user('first'))
    expect(await identities.resolve(workspace, { userId: 'second' })).toBe(user('second'))
  })

  test('several anonymous ids join one user', async () => {
    const identities = createIdentities(await open())
    for (const id of ['a', 'b', 'c']) {
      expect(await identities.link(workspace, { userId: 'u', anonymousId: id }, 1)).toEqual({
        customerId: user('u'),
        mergeFrom: [anonymous(id)],
      })
    }
    const all = ['a', 'b', 'c'].map((anonymousId) => ({ anonymousId }))
    expect(await identities.resolveMany(workspace, all)).toEqual([user('u'), user('u'), user('u')])
  })
})

describe('alias', () => {
  test('joins two users and all that was joined to the former', async () => {
    const store = await open()
    const identities = createIdentities(store)
    await identities.link(workspace, { userId: 'old', anonymousId: 'a' }, 1)
    await identities.link(workspace, { userId: 'old', anonymousId: 'b' }, 2)
    const ids = { userId: 'new', previousId: 'old' }
    expect(await identities.alias(workspace, ids, 3)).toEqual({
      customerId: user('new'),
      mergeFrom: [user('old')],
    })
    for (const own of [identities, createIdentities(store)]) {
      const all = [{ userId: 'new' }, { userId: 'old' }, { anonymousId: 'a' }, { anonymousId: 'b' }]
      expect(new Set(await own.resolveMany(workspace, all))).toEqual(new Set([user('new')]))
      expect(await own.alias(workspace, ids, 4)).toEqual({
        customerId: user('new'),
        mergeFrom: [user('old')],
      })
      // An identify of before the alias that comes again still names the visitor's customer.
      expect(await own.link(workspace, { userId: 'old', anonymousId: 'a' }, 5)).toEqual({
        customerId: user('new'),
        mergeFrom: [anonymous('a')],
      })
    }
  })

  test('an id that is linked to nothing may be of either kind, and keeps its meaning', async () => {
    const store = await open()
    const identities = createIdentities(store)
    const ids = { userId: 'u', previousId: 'p' }
    const linked = { customerId: user('u'), mergeFrom: [user('p'), anonymous('p')] }
    expect(await identities.alias(workspace, ids, 1)).toEqual(linked)
    expect(await createIdentities(store).alias(workspace, ids, 2)).toEqual(linked)
    expect(await identities.resolveMany(workspace, [{ userId: 'p' }, { anonymousId: 'p' }])).toEqual([
      user('u'),
      user('u'),
    ])
  })

  test('by an anonymous id that has a user, that user is joined', async () => {
    const store = await open()
    const identities = createIdentities(store)
    await identities.link(workspace, { userId: 'old', anonymousId: 'a' }, 1)
    const ids = { userId: 'new', previousId: 'a' }
    const first = await identities.alias(workspace, ids, 2)
    expect(first.customerId).toBe(user('new'))
    expect(new Set(first.mergeFrom)).toEqual(new Set([user('old'), anonymous('a')]))
    expect(await identities.resolve(workspace, { userId: 'old' })).toBe(user('new'))
    const again = await createIdentities(store).alias(workspace, ids, 3)
    expect(new Set(again.mergeFrom)).toEqual(new Set(first.mergeFrom))
  })

  test('circles and oneself are nothing', async () => {
    const store = await open()
    const identities = createIdentities(store)
    await identities.alias(workspace, { userId: 'a', previousId: 'b' }, 1)
    const rows = () =>
      store.read.workspace(workspace).selectFrom('identities').selectAll('identities').execute()
    const before = await rows()
    expect(await identities.alias(workspace, { userId: 'b', previousId: 'a' }, 2)).toEqual({
      customerId: user('a'),
      mergeFrom: [],
    })
    expect(await identities.alias(workspace, { userId: 'c', previousId: 'c' }, 2)).toEqual({
      customerId: user('c'),
      mergeFrom: [],
    })
    expect(await rows()).toEqual(before)
  })
})

/**
 * Any sequence of links against a model of sets: who is together is what the rules say, every customer an id
 * ever had is named in the `mergeFrom` of the call that took it away, and again when the call is repeated.
 */
test('after any sequence ids are together exactly where the rules put them, and no move is forgotten', async () => {
  const id = fc.constantFrom('1', '2', '3', '4')
  const call = fc.oneof(
    fc.record({ kind: fc.constant('link' as const), userId: id, other: fc.constantFrom('x', 'y', 'z') }),
    fc.record({
      kind: fc.constant('alias' as const),
      userId: id,
      other: fc.constantFrom('1', '2', '3', '4', 'x', 'y'),
    }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
      const store = await open()
      const model = createModel()
      const warm = createIdentities(store, { entriesMax: 6 })
      let now = 0
      for (const { kind, userId, other } of calls) {
        const repeat = async (identities: typeof warm) => {
          now += 1
          return kind === 'link'
            ? identities.link(workspace, { userId, anonymousId: other }, now)
            : identities.alias(workspace, { userId, previousId: other }, now)
        }
        const moved = kind === 'link' ? model.link(userId, other) : model.alias(userId, other)
        const linked = await repeat(warm)
        expect(linked.customerId).toBe(model.customerOf(`user:${userId}`))
        expect(linked.mergeFrom).toEqual(expect.arrayContaining(moved))
        expect(linked.mergeFrom).not.toContain(linked.customerId)
        const again = await repeat(createIdentities(store))
        expect(again.customerId).toBe(linked.customerId)
        expect(again.mergeFrom).toEqual(expect.arrayContaining(moved))
      }
      const asked = ['1', '2', '3', '4', 'x', 'y', 'z'].flatMap((own) => [
        { userId: own },
        { anonymousId: own },
      ])
      const expected = asked.map((ids) =>
        model.customerOf('userId' in ids ? `user:${ids.userId}` : `anonymous:${ids.anonymousId}`),
      )
      expect(await warm.resolveMany(workspace, asked)).toEqual(expected)
      expect(await createIdentities(store).resolveMany(workspace, asked)).toEqual(expected)
    }),
    { numRuns: 40 },
  )
})

/** The rules over a plain map from `kind:id` to customer. Each call answers the customers that it moves. */
function createModel() {
  const customers = new Map<string, string>()
  const natural = (key: string) => {
    const [kind, id] = key.split(':') as ['user' | 'anonymous', string]
    return customerIdOf(workspace, kind, id)
  }
  const customerOf = (key: string) => customers.get(key) ?? natural(key)
  return {
    customerOf,
    link(userId: string, anonymousId: string): string[] {
      const key = `anonymous:${anonymousId}`
      const into = customerOf(`user:${userId}`)
      if (customers.has(key)) return customers.get(key) === into ? [natural(key)] : []
      customers.set(`user:${userId}`, into)
      customers.set(key, into)
      return [natural(key)]
    },
    alias(userId: string, previousId: string): string[] {
      if (userId === previousId) return []
      const into = customerOf(`user:${userId}`)
      const both = [`user:${previousId}`, `anonymous:${previousId}`]
      const linked = both.filter((key) => customers.has(key))
      const moved = new Set<string>()
      for (const key of linked.length > 0 ? linked : both) {
        const from = customerOf(key)
        moved.add(from).add(natural(key))
        if (from === into) continue
        for (const [own, customer] of customers) if (customer === from) customers.set(own, into)
        customers.set(key, into)
        customers.set(`user:${userId}`, into)
      }
      moved.delete(into)
      return [...moved]
    },
  }
}

describe('the cache', () => {
  test('holds no more than it may, and keeps what is used', () => {
    const cache = createIdentityCache(10)
    for (let i = 0; i < 1000; i += 1) {
      cache.set('w', 'user', `u${i}`, { customerId: `c${i}`, linked: true })
      expect(cache.get('w', 'user', 'u0')?.customerId).toBe('c0')
    }
    const held = Array.from({ length: 1000 }, (_, i) => cache.get('w', 'user', `u${i}`)).filter(
      (known) => known,
    )
    expect(held.length).toBeLessThanOrEqual(10)
  })

  test('a link committed while a query ran stays', () => {
    const cache = createIdentityCache(10)
    cache.set('w', 'anonymous', 'a', { customerId: 'linked', linked: true })
    cache.add('w', 'anonymous', 'a', { customerId: 'by hash', linked: false })
    expect(cache.get('w', 'anonymous', 'a')).toEqual({ customerId: 'linked', linked: true })
    expect(cache.get('v', 'anonymous', 'a')).toBeUndefined()
    expect(cache.get('w', 'user', 'a')).toBeUndefined()
  })
})

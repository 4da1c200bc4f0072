import { describe, expect, test } from 'vitest'
import type { ChannelName } from '#contracts/campaign.ts'
import { applyEvent } from '../../../src/profile/apply-event.ts'
import { canonicalCustomerId } from '../../../src/profile/canonical-customer.ts'
import {
  loadConsentRecords,
  loadConsents,
  setConsent,
  setConsents,
} from '../../../src/profile/consent-rows.ts'
import { loadCustomers, mergeCustomerRows, saveCustomers } from '../../../src/profile/customer-rows.ts'
import { insertEvents, loadCustomerEvents, seenEventIds } from '../../../src/profile/event-rows.ts'
import { createIdentities } from '../../../src/profile/identities.ts'
import {
  listSuppressions,
  loadSuppressions,
  suppress,
  unsuppress,
} from '../../../src/profile/suppression-rows.ts'
import { at, customer, engagement, euro, event, track, useStores, workspace, write } from './support.ts'

const open = useStores()
const now = at('2026-03-10')

describe('customers', () => {
  test('come back as they were saved, one version later', async () => {
    const store = await open()
    const ada = customer(now, 'ada')
    applyEvent(ada, track('Order Completed', now, { revenue: 5 }), euro)
    applyEvent(ada, event('identify', now, { traits: { email: 'Ada@example.com', name: 'Ada ☂' } }), euro)
    await write(store, (db) => saveCustomers(db, [ada, customer(now, 'bob')], now))
    expect(ada.version).toBe(1)
    await write(store, (db) => saveCustomers(db, [ada], now + 1))
    const read = store.read.workspace(workspace)
    const loaded = await loadCustomers(read, ['ada', 'bob', 'carol'])
    expect([...loaded.keys()].sort()).toEqual(['ada', 'bob'])
    expect(loaded.get('ada')).toEqual({ ...ada, version: 2 })
    expect(loaded.get('bob')!.version).toBe(1)
    expect(await loadCustomers(store.read.workspace('other'), ['ada'])).toEqual(new Map())
  })
})

describe('merging customers', () => {
  async function merged() {
    const store = await open()
    const identities = createIdentities(store)
    const { customerId: user } = await identities.link(workspace, { userId: 'u', anonymousId: 'x' }, now)
    const visitor = await identities.resolve(workspace, { anonymousId: 'a' })
    const events = [
      { ...track('a', now), customerId: visitor },
      { ...track('a', now + 1), customerId: user },
      engagement('click', now + 2, {}, visitor),
    ]
    await write(store, async (db) => {
      const one = customer(now, visitor)
      applyEvent(one, events[0] as never, euro)
      const two = customer(now, user)
      applyEvent(two, events[1] as never, euro)
      await saveCustomers(db, [one, two], now)
      await insertEvents(db, events)
      const consent = (
        customerId: string,
        channel: ChannelName,
        state: 'granted' | 'denied',
        source: string,
      ) => setConsent(db, { customerId, channel, state, source, now })
      await consent(visitor, 'email', 'denied', 'visitor')
      await consent(user, 'email', 'granted', 'user')
      await consent(visitor, 'sms', 'granted', 'visitor')
      await consent(user, 'sms', 'denied', 'user')
      await consent(visitor, 'push', 'granted', 'visitor')
      expect(await mergeCustomerRows(db, visitor, user, now + 5)).toBe('merged')
    })
    return { store, user, visitor, events, identities }
  }

  test('leaves a pointer and an empty profile, moves events and counts', async () => {
    const { store, user, visitor, events } = await merged()
    const db = store.read.workspace(workspace)
    const customers = await loadCustomers(db, [user, visitor])
    expect(customers.get(visitor)).toMatchObject({ mergedInto: user, profile: { counts: {}, traits: {} } })
    expect(customers.get(user)).toMatchObject({ mergedInto: null, profile: { counts: { a: { total: 2 } } } })
    // Two consents bumped it after it was saved; the merge is the next.
    expect(customers.get(user)!.version).toBe(4)
    expect(customers.get(visitor)!.version).toBe(5)
    expect(await loadCustomerEvents(db, visitor)).toEqual([])
    expect(await loadCustomerEvents(db, user)).toEqual(events.map((one) => ({ ...one, customerId: user })))
  })

  test('a denied consent wins whichever side it is on; what one side says alone holds', async () => {
    const { store, user, visitor } = await merged()
    const consents = await loadConsents(store.read.workspace(workspace), [user, visitor])
    expect(consents).toEqual(new Map([[user, { email: 'denied', sms: 'denied', push: 'granted' }]]))
    const rows = await store.read
      .workspace(workspace)
      .selectFrom('consents')
      .selectAll('consents')
      .orderBy('consents.channel')
      .execute()
    expect(rows.map(({ channel, source }) => [channel, source])).toEqual([
      ['email', 'visitor'],
      ['push', 'visitor'],
      ['sms', 'user'],
    ])
  })

  test('again is nothing, and leaves every row as it is', async () => {
    const { store, user, visitor } = await merged()
    const db = store.read.workspace(workspace)
    const before = await db.selectFrom('customers').selectAll('customers').execute()
    expect(await write(store, (tx) => mergeCustomerRows(tx, visitor, user, now + 9))).toBe('nothing')
    expect(await write(store, (tx) => mergeCustomerRows(tx, user, visitor, now + 9))).toBe('nothing')
    expect(await write(store, (tx) => mergeCustomerRows(tx, user, user, now + 9))).toBe('nothing')
    expect(await db.selectFrom('customers').selectAll('customers').execute()).toEqual(before)
  })

  test('saving a customer read before the merge is refused, and leaves the pointer', async () => {
    const { store, user, visitor } = await merged()
    const saved = write(store, (db) => saveCustomers(db, [customer(now, visitor)], now + 6))
    await expect(saved).rejects.toThrow('changed while this transaction was under way')
    expect(await canonicalCustomerId(store.read.workspace(workspace), visitor)).toBe(user)
  })

  test('a consent given for the one merged away is the canonical one’s', async () => {
    const { store, user, visitor } = await merged()
    await write(store, (db) =>
      setConsent(db, { customerId: visitor, channel: 'push', state: 'denied', source: 'link', now }),
    )
    const consents = await loadConsents(store.read.workspace(workspace), [user, visitor])
    expect(consents.get(user)!.push).toBe('denied')
    expect(consents.has(visitor)).toBe(false)
  })

  test('of two answers about a topic the stricter one holds, and the proofs of both sides stay', async () => {
    const store = await open()
    const strictest = { granted: 0, pending: 1, denied: 2 }
    const states = ['granted', 'pending', 'denied'] as const
    const topics = states.flatMap((from) => states.map((into) => ({ from, into, topic: `${from}-${into}` })))
    await write(store, async (db) => {
      await saveCustomers(db, [customer(now, 'from'), customer(now, 'into')], now)
      for (const side of ['from', 'into'] as const) {
        const choices = topics.map((own) => ({
          channel: 'email' as const,
          topic: own.topic,
          state: own[side],
        }))
        await setConsents(db, { customerId: side, choices, proof: { source: side }, now })
      }
      await mergeCustomerRows(db, 'from', 'into', now + 1)
    })
    const db = store.read.workspace(workspace)
    const consents = (await loadConsents(db, ['into'])).get('into')
    for (const { from, into, topic } of topics) {
      const stricter = strictest[from] > strictest[into] ? from : into
      expect([topic, consents?.[`email/${topic}`]]).toEqual([topic, stricter])
    }
    expect((await loadConsentRecords(db, 'into')).map((row) => row.source).sort()).toEqual([
      ...topics.map(() => 'from'),
      ...topics.map(() => 'into'),
    ])
  })

  test('without rows there is a pointer all the same, and rows go on along pointers', async () => {
    const store = await open()
    await write(store, async (db) => {
      expect(await mergeCustomerRows(db, 'b', 'c', now)).toBe('merged')
      await saveCustomers(db, [customer(now, 'a')], now)
      expect(await mergeCustomerRows(db, 'a', 'b', now)).toBe('merged')
    })
    const db = store.read.workspace(workspace)
    const customers = await loadCustomers(db, ['a', 'b', 'c'])
    expect([...customers].map(([id, { mergedInto }]) => [id, mergedInto]).sort()).toEqual([
      ['a', 'c'],
      ['b', 'c'],
      ['c', null],
    ])
    expect(await canonicalCustomerId(db, 'a')).toBe('c')
    expect(await canonicalCustomerId(db, 'nobody')).toBe('nobody')
  })

  test('a consent alone makes a customer, with a version', async () => {
    const store = await open()
    const deny = { customerId: 'new', channel: 'email', state: 'denied', source: 'link', now } as const
    await write(store, (db) => setConsent(db, deny))
    await write(store, (db) => setConsent(db, { ...deny, state: 'granted', now: now + 1 }))
    const db = store.read.workspace(workspace)
    expect((await loadCustomers(db, ['new'])).get('new')).toMatchObject({
      version: 2,
      profile: { counts: {} },
    })
    expect(await loadConsents(db, ['new'])).toEqual(new Map([['new', { email: 'granted' }]]))
  })
})

describe('suppressions', () => {
  test('are found by channel and address, in whatever case they are asked for', async () => {
    const store = await open()
    await write(store, async (db) => {
      await suppress(db, {
        channel: 'email',
        address: ' Ada@Example.com',
        reason: 'hard-bounce',
        detail: '550',
        now,
      })
      await suppress(db, {
        channel: 'email',
        address: 'ada@example.com',
        reason: 'manual',
        detail: '',
        now: now + 1,
      })
      await suppress(db, { channel: 'sms', address: '+4179', reason: 'stop', detail: '', now })
    })
    const db = store.read.workspace(workspace)
    expect(
      await loadSuppressions(db, ['ADA@example.com', 'ada@example.com', 'bob@example.com', '+4179']),
    ).toEqual(
      new Map([
        ['email\u0000ADA@example.com', 'hard-bounce'],
        ['email\u0000ada@example.com', 'hard-bounce'],
        ['sms\u0000+4179', 'stop'],
      ]),
    )
    expect(await loadSuppressions(store.read.workspace('other'), ['ada@example.com'])).toEqual(new Map())
    const address = { channel: 'email', address: 'ADA@example.com' } as const
    expect(await write(store, (tx) => unsuppress(tx, address))).toBe(true)
    expect(await write(store, (tx) => unsuppress(tx, address))).toBe(false)
    expect(await loadSuppressions(db, ['ada@example.com'])).toEqual(new Map())
  })

  test('are listed page by page', async () => {
    const store = await open()
    const all = ['email:a@x', 'email:b@x', 'push:t', 'sms:1', 'sms:2']
    await write(store, async (db) => {
      for (const one of all.toReversed()) {
        const [channel, address] = one.split(':') as [ChannelName, string]
        await suppress(db, { channel, address, reason: 'manual', detail: 'd', now })
      }
    })
    const db = store.read.workspace(workspace)
    const listed: string[] = []
    for (;;) {
      const last = listed.at(-1)?.split(':') as [ChannelName, string] | undefined
      const after = last === undefined ? {} : { after: { channel: last[0], address: last[1] } }
      const page = await listSuppressions(db, { ...after, limit: 2 })
      if (page.length === 0) break
      expect(page[0]).toMatchObject({ reason: 'manual', detail: 'd', createdAt: now })
      listed.push(...page.map(({ channel, address }) => `${channel}:${address}`))
    }
    expect(listed).toEqual(all)
  })
})

describe('events', () => {
  test('are seen once they are kept, per workspace', async () => {
    const store = await open()
    const one = track('a', now)
    const two = event('page', now - 5, { name: 'Home', context: { timezone: 'UTC' } })
    await write(store, (db) => insertEvents(db, [one, two]))
    const db = store.read.workspace(workspace)
    expect(await seenEventIds(db, [one.eventId, 'gone', two.eventId])).toEqual(
      new Set([one.eventId, two.eventId]),
    )
    expect(await seenEventIds(store.read.workspace('other'), [one.eventId])).toEqual(new Set())
    expect(await seenEventIds(db, [])).toEqual(new Set())
    expect(await loadCustomerEvents(db, 'ada')).toEqual([two, one])
    const rows = await db.selectFrom('events').select(['events.name', 'events.day_utc']).execute()
    // 10 March 2026 is day 20522 of the epoch; the other one happened the day before and was received then.
    expect(rows).toEqual(
      expect.arrayContaining([
        { name: 'a', day_utc: 20522 },
        { name: 'Home', day_utc: 20522 },
      ]),
    )
  })

  test('the same id twice fails the whole transaction', async () => {
    const store = await open()
    const one = track('a', now)
    await write(store, (db) => insertEvents(db, [one]))
    await expect(
      write(store, (db) => insertEvents(db, [track('b', now), { ...one, receivedAt: now + 9e8 }])),
    ).rejects.toThrow()
    expect(await loadCustomerEvents(store.read.workspace(workspace), 'ada')).toEqual([one])
  })
})

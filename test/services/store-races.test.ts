import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import { tryLockAccounts } from '#platform/store/claim.ts'
import { openStore } from '#platform/store/open-store.ts'
import type { RowOf, Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { campaignSpend, lockSpend, moveSpend, recountSpend } from '../../src/action/campaign-spend.ts'
import { insertMessages } from '../../src/action/message-rows.ts'
import { closeWindows } from '../../src/learning/close-windows.ts'
import { loadExposures, updateExposureStates } from '../../src/learning/exposure-rows.ts'
import { insertRewards, loadRewardsAfter } from '../../src/learning/reward-rows.ts'
import { mergeCustomer } from '../../src/pipeline/merge-customer.ts'
import { loadOffsets, moveOffset, OffsetMovedError } from '../../src/pipeline/move-offset.ts'
import { touchWorkspace } from '../../src/pipeline/workspace-context.ts'
import { insertMembers, loadAccounts, saveAccounts } from '../../src/profile/account-rows.ts'
import { newAccount } from '../../src/profile/accounts.ts'
import { setConsent } from '../../src/profile/consent-rows.ts'
import { loadCustomers, saveCustomers } from '../../src/profile/customer-rows.ts'
import { newProfile } from '../../src/profile/profile.ts'
import { customer } from '../contract/store-rows.ts'
import { newMessage } from '../unit/action/support.ts'
import { createDatabase, query, type TestDatabase } from './postgres.ts'

/** Two processes' stores over one database, each with connections of its own. */
let database: TestDatabase
let one: Store
let two: Store
beforeEach(async () => {
  database = await createDatabase()
  one = await openStore({ url: database.url })
  two = await openStore({ url: database.url })
})
afterEach(async () => {
  await one.close()
  await two.close()
  await database.drop()
})

const inW = <T>(store: Store, work: (db: WorkspaceDb, tx: StoreTransaction) => Promise<T>): Promise<T> =>
  store.transaction((tx) => work(tx.workspace('w'), tx))

/** A transaction that stops where it is told, until it is let go on. */
function stopped<T>(
  store: Store,
  work: (db: WorkspaceDb, tx: StoreTransaction, stop: () => Promise<void>) => Promise<T>,
) {
  let reached = () => {}
  let goOn = () => {}
  const there = new Promise<void>((resolve) => {
    reached = resolve
  })
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const done = inW(store, (db, tx) =>
    work(db, tx, async () => {
      reached()
      await gate
    }),
  )
  done.catch(() => {})
  return { there: Promise.race([there, done]), goOn: () => goOn(), done }
}

/** Resolves when so many sessions wait for a lock. */
async function waiting(count: number): Promise<void> {
  for (;;) {
    const [row] = await query(
      database.url,
      `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    if (row?.n === count) return
  }
}

describe('transactions that meet', () => {
  it('run again after a deadlock, and both are done', async () => {
    await inW(one, (db) => db.bulkInsert('customers', [customer('a', 0), customer('b', 0)], 'fail'))
    let runs = 0
    const addBoth = (store: Store, first: string, second: string, meet: () => Promise<void>) =>
      inW(store, async (db) => {
        runs += 1
        const add = (id: string) =>
          db
            .updateTable('customers')
            .set((eb) => ({ version: eb('customers.version', '+', 1) }))
            .where('customers.customer_id', '=', id)
            .execute()
        await add(first)
        await meet()
        await add(second)
      })
    const meet = meeting(2)
    await Promise.all([addBoth(one, 'a', 'b', meet), addBoth(two, 'b', 'a', meet)])
    expect(runs).toBe(3)
    const rows = await one.read.workspace('w').selectFrom('customers').select('version').execute()
    expect(rows).toEqual([{ version: 2 }, { version: 2 }])
  })

  it('run again when a key was taken or a row changed, and give up in the end', async () => {
    let runs = 0
    const meet = meeting(2)
    const insertOnce = (store: Store) =>
      inW(store, async (db) => {
        runs += 1
        const known = await db.selectFrom('customers').select('customer_id').execute()
        await meet()
        if (known.length === 0) await db.bulkInsert('customers', [customer('a')], 'fail')
      })
    await Promise.all([insertOnce(one), insertOnce(two)])
    expect(runs).toBe(3)

    let tries = 0
    const hopeless = inW(one, async () => {
      tries += 1
      throw new ChangedMeanwhileError('everything')
    })
    await expect(hopeless).rejects.toThrow('everything changed while')
    expect(tries).toBe(6)
  })

  it('move an offset once: who read it before the other committed changes nothing', async () => {
    await one.transaction((tx) => loadOffsets(tx, 'g', [0]))
    const first = stopped(one, async (_db, tx, stop) => {
      await moveOffset(tx, 'g', 0, 0, 5)
      await stop()
    })
    await first.there
    const second = inW(two, async (db, tx) => {
      await db.bulkInsert('customers', [customer('of the slower one')], 'fail')
      await moveOffset(tx, 'g', 0, 0, 7)
    })
    second.catch(() => {})
    await waiting(1)
    first.goOn()
    await first.done
    await expect(second).rejects.toThrow(OffsetMovedError)
    expect(await one.transaction((tx) => loadOffsets(tx, 'g', [0]))).toEqual(new Map([[0, 5]]))
    expect(await one.read.workspace('w').selectFrom('customers').selectAll().execute()).toEqual([])
  })
})

describe('customers', () => {
  it('changed by a batch and by an opt-out at once keep both', async () => {
    await inW(one, (db) => saveCustomers(db, [fresh('a')], 1))
    let runs = 0
    const batch = stopped(one, async (db, _tx, stop) => {
      runs += 1
      const [own] = [...(await loadCustomers(db, ['a'])).values()]
      if (runs === 1) await stop()
      own!.profile.traits = { plan: 'pro' }
      await saveCustomers(db, [own!], 3)
    })
    await batch.there
    const optOut = { customerId: 'a', channel: 'email', state: 'denied', source: 'test', now: 2 } as const
    await inW(two, (db) => setConsent(db, optOut))
    batch.goOn()
    await batch.done
    expect(runs).toBe(2)
    const [row] = await one.read.workspace('w').selectFrom('customers').selectAll().execute()
    // Each write counted: one, two, three.
    expect(row).toMatchObject({ version: 3 })
    expect(JSON.parse(row!.profile_json).traits).toEqual({ plan: 'pro' })
  })

  it.each([true, false])(
    'merged away while a batch holds them are read again (had a row: %s)',
    async (hadRow) => {
      if (hadRow) await inW(one, (db) => saveCustomers(db, [fresh('from')], 1))
      await inW(one, (db) => saveCustomers(db, [fresh('into')], 1))
      const seen: (string | null)[] = []
      const batch = stopped(one, async (db, _tx, stop) => {
        const own = (await loadCustomers(db, ['from'])).get('from') ?? fresh('from')
        seen.push(own.mergedInto)
        if (seen.length === 1) await stop()
        if (own.mergedInto === null) await saveCustomers(db, [own], 3)
      })
      await batch.there
      await inW(two, (db) => mergeCustomer(db, 'from', 'into', 2))
      batch.goOn()
      await batch.done
      expect(seen).toEqual([null, 'into'])
      const from = await one.read
        .workspace('w')
        .selectFrom('customers')
        .selectAll()
        .where('customer_id', '=', 'from')
        .executeTakeFirst()
      expect(from?.merged_into).toBe('into')
    },
  )

  it('who are merged while they opt out are out all the same', async () => {
    await inW(one, (db) => saveCustomers(db, [fresh('from'), fresh('into')], 1))
    const merge = stopped(one, async (db, _tx, stop) => {
      await mergeCustomer(db, 'from', 'into', 2)
      await stop()
    })
    await merge.there
    const optOut = inW(two, (db) =>
      setConsent(db, { customerId: 'from', channel: 'email', state: 'denied', source: 'test', now: 3 }),
    )
    await waiting(1)
    merge.goOn()
    await Promise.all([merge.done, optOut])
    const consents = await one.read.workspace('w').selectFrom('consents').selectAll().execute()
    expect(consents.map(({ customer_id, state }) => [customer_id, state])).toEqual([['into', 'denied']])
  })
})

describe('rewards', () => {
  it('become visible in the order of their numbers', async () => {
    const slow = stopped(one, async (db, _tx, stop) => {
      await insertRewards(db, [reward('slow')])
      await stop()
    })
    await slow.there
    const quick = inW(two, (db) => insertRewards(db, [reward('quick')]))
    await waiting(1)
    expect(await loadRewardsAfter(two.read.workspace('w'), 0, 10)).toEqual([])
    // Another workspace's learner reads its own numbers: it does not wait.
    await two.transaction((tx) => insertRewards(tx.workspace('v'), [reward('other')]))
    slow.goOn()
    await Promise.all([slow.done, quick])
    const seen = await loadRewardsAfter(two.read.workspace('w'), 0, 10)
    expect(seen.map((row) => row.decision_id)).toEqual(['slow', 'quick'])
  })

  it('are told once of an exposure that settles while it is credited', async () => {
    await inW(one, (db) => db.bulkInsert('exposures', [exposure('d')], 'fail'))
    let runs = 0
    const credit = stopped(one, async (db, _tx, stop) => {
      runs += 1
      const [own] = await loadExposures(db, ['c'])
      if (runs === 1) await stop()
      const state = own!.state === 'open' ? ('converted' as const) : ('corrected' as const)
      await updateExposureStates(db, [{ ...own!, state }])
      if (state === 'corrected') await insertRewards(db, [{ ...reward('d'), y: 1, kind: 'correction' }])
    })
    await credit.there
    expect(await inW(two, (db) => closeWindows(db, { now: 1000, closeGraceMs: 0, limit: 10 }))).toBe(1)
    credit.goOn()
    await credit.done
    const told = await loadRewardsAfter(one.read.workspace('w'), 0, 10)
    expect(told.map(({ kind, y }) => [kind, y])).toEqual([
      ['reward', 0],
      ['correction', 1],
    ])
  })
})

describe('money', () => {
  it('of a budget is spent once by two claims at the same time', async () => {
    const messages = ['m1', 'm2'].map((messageId) => newMessage({ messageId, costMicros: 60 }))
    await inW(one, (db) => insertMessages(db, messages, 1))
    const spendWithin = async (db: WorkspaceDb): Promise<boolean> => {
      await lockSpend(db, ['welcome'])
      const spent = (await campaignSpend(db, ['welcome'])).get('welcome')!
      if (spent + 60 > 100) return false
      await moveSpend(db, [{ campaignId: 'welcome', costMicros: 60, from: 'queued', to: 'sending' }])
      return true
    }
    const first = stopped(one, async (db, _tx, stop) => {
      const taken = await spendWithin(db)
      await stop()
      return taken
    })
    await first.there
    const second = inW(two, spendWithin)
    await waiting(1)
    first.goOn()
    expect(await Promise.all([first.done, second])).toEqual([true, false])
  })

  it('moved by many in any order adds up, and nobody is turned away', async () => {
    const campaigns = ['a', 'b', 'c', 'd']
    const queueSome = (store: Store, i: number) =>
      inW(store, (db) =>
        insertMessages(
          db,
          campaigns
            .toSorted(() => (i % 3) - 1)
            .map((campaignId) => newMessage({ messageId: `${campaignId}${i}`, campaignId, costMicros: i })),
          1,
        ),
      )
    await Promise.all(Array.from({ length: 40 }, (_, i) => queueSome(i % 2 === 0 ? one : two, i)))
    expect(await recountSpend(one.read.workspace('w'))).toEqual([])
  })
})

describe('the configuration', () => {
  it('waits for claims under way, and claims wait for it', async () => {
    const claim = stopped(one, async (db, _tx, stop) => {
      await db.lock('configuration', 'shared')
      await stop()
    })
    await claim.there
    // Claims of other processes share it.
    await inW(two, (db) => db.lock('configuration', 'shared'))
    const change = inW(two, (_db, tx) => touchWorkspace(tx, 'w'))
    await waiting(1)
    const later = inW(one, async (db) => {
      await db.lock('configuration', 'shared')
      return db.workspace
    })
    await waiting(2)
    claim.goOn()
    await Promise.all([claim.done, change, later])
  })

  it('counts every change, also of two at once', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        inW(i % 2 === 0 ? one : two, (_db, tx) => touchWorkspace(tx, 'w')),
      ),
    )
    const [row] = await one.read.system.selectFrom('system_settings').selectAll().execute()
    expect(row?.value).toBe('20')
  })
})

/** Holds so many until all are there; later callers pass. */
function meeting(count: number): () => Promise<void> {
  let here = 0
  let all = () => {}
  const met = new Promise<void>((resolve) => {
    all = resolve
  })
  return async () => {
    here += 1
    if (here >= count) all()
    await met
  }
}

function fresh(customerId: string) {
  return { workspace: 'w', customerId, version: 0, mergedInto: null, profile: newProfile(0) }
}

function reward(decisionId: string) {
  return {
    decision_id: decisionId,
    campaign_id: 'k',
    decision_day_utc: 0,
    head: 'h',
    kind: 'reward' as const,
    y: 0 as const,
    created_at: 0,
  }
}

function exposure(decisionId: string): Omit<RowOf<'exposures'>, 'workspace'> {
  return {
    decision_id: decisionId,
    campaign_id: 'k',
    customer_id: 'c',
    goal_id: 'g',
    head: 'h',
    decision_day_utc: 0,
    exposed_at: 0,
    window_ends_at: 100,
    settles_at: 100,
    state: 'open',
  }
}

describe('an account', () => {
  it('is counted by one claim at a time, and nobody waits for it', async () => {
    const accounts = ['acme', 'other'].map((id) => newAccount(id, 1))
    await inW(one, (db) => saveAccounts(db, accounts, 1))
    const claim = stopped(one, async (db, _, stop) => {
      const locked = await tryLockAccounts(db, ['acme'])
      await stop()
      return locked
    })
    await claim.there
    expect(await inW(two, (db) => tryLockAccounts(db, ['acme', 'other']))).toEqual(new Set(['other']))
    claim.goOn()
    expect(await claim.done).toEqual(new Set(['acme']))
    expect(await inW(two, (db) => tryLockAccounts(db, ['acme']))).toEqual(new Set(['acme']))
  })

  it('that somebody joins while its traits change is read again, so that nobody keeps an old copy', async () => {
    await inW(one, (db) => saveAccounts(db, [newAccount('acme', 1)], 1))
    let runs = 0
    const joins = stopped(one, async (db, _, stop) => {
      runs += 1
      const account = (await loadAccounts(db, ['acme'])).get('acme')!
      if (runs === 1) await stop()
      await saveAccounts(db, [account], 2)
      await insertMembers(db, [{ account_id: 'acme', customer_id: 'ann', since: 2 }])
      return account.traits
    })
    await joins.there
    await inW(two, async (db) => {
      const account = (await loadAccounts(db, ['acme'])).get('acme')!
      await saveAccounts(db, [{ ...account, traits: { seats: 5 } }], 2)
    })
    joins.goOn()
    expect(await joins.done).toEqual({ seats: 5 })
    expect(runs).toBe(2)
  })
})

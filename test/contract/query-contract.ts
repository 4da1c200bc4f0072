import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { selectDueForClaim, selectExpiredLeases } from '#platform/store/claim.ts'
import type { OnConflict, Store } from '#platform/store/store.ts'
import { customer, ids, message } from './store-rows.ts'

/** Queries that say the same in both dialects. */
export function queryContract(store: () => Store): void {
  describe('queries', () => {
    it('find 5,000 keys among 6,000 rows in one statement', async () => {
      const all = Array.from({ length: 6000 }, (_, i) => `c'"${i}é`)
      await store().transaction(async (tx) => {
        const rows = all.map((id) => customer(id))
        expect(await tx.workspace('w').bulkInsert('customers', rows, 'fail')).toBe(6000)
        expect(await tx.workspace('v').bulkInsert('customers', rows, 'fail')).toBe(6000)
      })
      const wanted = all.slice(500, 5500)
      const found = await store()
        .read.workspace('w')
        .selectByKeys('customers', 'customer_id', [...wanted, 'nobody'])
        .select('customer_id')
        .execute()
      expect(new Set(found.map((row) => row.customer_id))).toEqual(new Set(wanted))
      expect(found.length).toBe(5000)
      expect(
        await store().read.workspace('w').selectByKeys('customers', 'customer_id', []).selectAll().execute(),
      ).toEqual([])
    })

    it('sort text by code point', async () => {
      const texts = [
        'b',
        'B',
        'a',
        'Z',
        'ä',
        'é',
        'e',
        'zz',
        '10',
        '9',
        '_',
        '-',
        ' x',
        '😀',
        '\uffee',
        'ß',
        '',
      ]
      await store().transaction((tx) =>
        tx.workspace('w').bulkInsert(
          'customers',
          texts.map((id) => customer(id)),
          'fail',
        ),
      )
      const expected = [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(await ids(store().read.workspace('w'))).toEqual(expected)
      const above = await store()
        .read.workspace('w')
        .selectFrom('customers')
        .where('customer_id', '>', 'Z')
        .select('customer_id')
        .orderBy('customer_id')
        .execute()
      expect(above.map((row) => row.customer_id)).toEqual(expected.slice(expected.indexOf('Z') + 1))
    })

    it('count in numbers and refuse integers that a number does not hold', async () => {
      await store().transaction((tx) => tx.workspace('w').bulkInsert('customers', [customer('a')], 'fail'))
      const from = () => store().read.workspace('w').selectFrom('customers')
      const counted = await from()
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .executeTakeFirst()
      expect(counted?.n).toBe(1)
      const largest = await from().select(sql<number>`9007199254740991`.as('n')).executeTakeFirst()
      expect(largest?.n).toBe(Number.MAX_SAFE_INTEGER)
      await expect(from().select(sql<number>`9007199254740993`.as('n')).execute()).rejects.toThrow(RangeError)
    })

    it('read a field of JSON as text', async () => {
      const profile_json = JSON.stringify({ email: 'a@b.c', deep: { x: [1] } })
      await store().transaction((tx) =>
        tx.workspace('w').bulkInsert('customers', [{ ...customer('a'), profile_json }], 'fail'),
      )
      const row = await store()
        .read.workspace('w')
        .selectFrom('customers')
        .select([sql<string>`customers.profile_json ->> 'email'`.as('email'), 'profile_json'])
        .executeTakeFirstOrThrow()
      expect(row.email).toBe('a@b.c')
      expect(typeof row.profile_json).toBe('string')
      const profile: unknown = JSON.parse(row.profile_json)
      expect(profile).toEqual({ email: 'a@b.c', deep: { x: [1] } })
    })

    it('say how many rows they changed', async () => {
      await store().transaction(async (tx) => {
        const db = tx.workspace('w')
        await db.bulkInsert('customers', [customer('a', 1), customer('b', 1), customer('c', 2)], 'fail')
        const updated = await db
          .updateTable('customers')
          .set({ version: 9 })
          .where('version', '=', 1)
          .execute()
        expect(updated[0]?.numUpdatedRows).toBe(2n)
        const deleted = await db.deleteFrom('customers').where('version', '=', 2).executeTakeFirst()
        expect(deleted.numDeletedRows).toBe(1n)
        expect(await db.bulkInsert('customers', [], 'fail')).toBe(0)
      })
    })

    it('add to what is there, or leave what is no longer as it was read', async () => {
      const put = (rows: ReturnType<typeof customer>[], rule: OnConflict<'customers'>) =>
        store().transaction((tx) => tx.workspace('w').bulkInsert('customers', rows, rule))
      const key: ['workspace', 'customer_id'] = ['workspace', 'customer_id']
      const versions = async () => {
        const rows = await store()
          .read.workspace('w')
          .selectFrom('customers')
          .select(['customer_id', 'version', 'merged_into'])
          .orderBy('customer_id')
          .execute()
        return rows.map((row) => [row.customer_id, row.version, row.merged_into])
      }
      await put([customer('a', 5), customer('b', 7)], 'fail')
      expect(await put([customer('b', -2), customer('c', 1)], { key, update: [], add: ['version'] })).toBe(2)
      expect(await versions()).toEqual([
        ['a', 5, null],
        ['b', 5, null],
        ['c', 1, null],
      ])
      const next = { key, update: ['version' as const], onlyIf: 'version-before' as const }
      expect(await put([customer('a', 6), customer('b', 7), customer('d', 1)], next)).toBe(2)
      const merge = (id: string) => ({ ...customer(id), merged_into: 'into' })
      const once = {
        key,
        update: ['merged_into' as const],
        onlyIf: { column: 'profile_json' as const, is: 'x' },
      }
      await expect(
        put([merge('a')], { ...once, onlyIf: { ...once.onlyIf, is: "x' or 1=1" } }),
      ).rejects.toThrow('not a word')
      await store().transaction((tx) =>
        tx
          .workspace('w')
          .updateTable('customers')
          .set({ merged_into: 'x' })
          .where('version', '=', 1)
          .execute(),
      )
      const wasX = {
        key,
        update: ['merged_into' as const],
        onlyIf: { column: 'merged_into' as const, is: 'x' },
      }
      expect(await put([merge('a'), merge('c'), merge('e')], wasX)).toBe(2)
      expect(await versions()).toEqual([
        ['a', 6, null],
        ['b', 5, null],
        ['c', 1, 'into'],
        ['d', 1, 'x'],
        ['e', 1, 'into'],
      ])
    })

    it('lock by name and by customer', async () => {
      await store().transaction(async (tx) => {
        const db = tx.workspace('w')
        await db.bulkInsert('customers', [customer('a')], 'fail')
        await db.lock('configuration', 'shared')
        await db.lock('rewards')
        expect(await db.tryLock('timers')).toBe(true)
        expect(await db.tryLockCustomers(['a', 'nobody'])).toEqual(new Set(['a', 'nobody']))
      })
    })

    it('keep the last row of a key that comes twice in one upsert', async () => {
      const rows = [customer('a', 1), customer('b', 5), customer('a', 2)]
      await store().transaction((tx) =>
        tx
          .workspace('w')
          .bulkInsert('customers', rows, { key: ['workspace', 'customer_id'], update: ['version'] }),
      )
      const found = await store()
        .read.workspace('w')
        .selectFrom('customers')
        .selectAll()
        .orderBy('customer_id')
        .execute()
      expect(found.map((row) => row.version)).toEqual([2, 5])
    })
  })
}

/** Who gets which message of the ledger. */
export function claimContract(store: () => Store): void {
  describe('claims', () => {
    it('take each due message once, oldest first, however many claim at once', async () => {
      const due = Array.from({ length: 60 }, (_, i) => message(`m${i}`, { due_at: 1000 + ((i * 37) % 60) }))
      const rest = [message('later', { due_at: 5001 }), message('gone', { state: 'sent' })]
      await store().transaction((tx) => tx.workspace('w').bulkInsert('messages', [...due, ...rest], 'fail'))
      const first = await store().transaction((tx) =>
        selectDueForClaim(tx.workspace('w'), { now: 5000, limit: 3 }),
      )
      expect(first.map((row) => row.due_at)).toEqual([1000, 1001, 1002])

      const taken: string[] = []
      const claim = async (owner: string): Promise<void> => {
        const claimed = await store().transaction(async (tx) => {
          const db = tx.workspace('w')
          const rows = await selectDueForClaim(db, { now: 5000, limit: 7 })
          const keys = rows.map((row) => row.message_id)
          if (keys.length > 0) {
            await db
              .updateTable('messages')
              .set({ state: 'sending', lease_owner: owner, lease_until: 100 })
              .where('message_id', 'in', keys)
              .execute()
          }
          return keys
        })
        taken.push(...claimed)
        if (claimed.length > 0) await claim(owner)
      }
      await Promise.all(['p', 'q', 'r'].map(claim))
      expect(taken.length).toBe(60)
      expect(new Set(taken)).toEqual(new Set(due.map((row) => row.message_id)))
    })

    it('find the messages whose owner vanished', async () => {
      const rows = [
        message('lost', { state: 'sending', lease_owner: 'p', lease_until: 100 }),
        message('under way', { state: 'sending', lease_owner: 'q', lease_until: 101 }),
        message('queued', {}),
      ]
      await store().transaction((tx) => tx.workspace('w').bulkInsert('messages', rows, 'fail'))
      const lost = await store().transaction((tx) =>
        selectExpiredLeases(tx.workspace('w'), { wallNow: 100, limit: 10 }),
      )
      expect(lost.map((row) => row.message_id)).toEqual(['lost'])
    })
  })
}

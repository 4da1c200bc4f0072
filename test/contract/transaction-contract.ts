import { describe, expect, it } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import { customer, ids } from './store-rows.ts'

/** What a transaction and a snapshot promise. */
export function transactionContract(store: () => Store, openAgain: () => Promise<Store>): void {
  describe('transactions', () => {
    it('keep all or nothing', async () => {
      const other = await openAgain()
      const work = store().transaction(async (tx) => {
        await tx.workspace('w').bulkInsert('customers', [customer('kept?')], 'fail')
        await tx.systemBulk('system_settings', [{ name: 'also', value: 'gone' }], 'fail')
        expect(await ids(tx.workspace('w'))).toEqual(['kept?'])
        expect(await ids(store().read.workspace('w'))).toEqual([])
        expect(await ids(other.read.workspace('w'))).toEqual([])
        throw new Error('no')
      })
      await expect(work).rejects.toThrow('no')
      expect(await ids(store().read.workspace('w'))).toEqual([])
      expect(await store().read.system.selectFrom('system_settings').selectAll().execute()).toEqual([])

      const result = await store().transaction(async (tx) => {
        await tx.workspace('w').bulkInsert('customers', [customer('a')], 'fail')
        await tx.systemBulk('system_settings', [{ name: 'x', value: 'y' }], 'fail')
        return 7
      })
      expect(result).toBe(7)
      expect(await ids(other.read.workspace('w'))).toEqual(['a'])
      await other.close()
    })

    it('that need not be on the disk yet are all or nothing too, and others see them at once', async () => {
      const other = await openAgain()
      const later = { durable: 'later' } as const
      await store().transaction(
        (tx) => tx.workspace('w').bulkInsert('customers', [customer('a')], 'fail'),
        later,
      )
      expect(await ids(other.read.workspace('w'))).toEqual(['a'])
      const failing = store().transaction(async (tx) => {
        await tx.workspace('w').bulkInsert('customers', [customer('b')], 'fail')
        throw new Error('no')
      }, later)
      await expect(failing).rejects.toThrow('no')
      await other.transaction((tx) => tx.workspace('w').bulkInsert('customers', [customer('c')], 'fail'))
      expect(await ids(store().read.workspace('w'))).toEqual(['a', 'c'])
      await other.close()
    })

    it('keep nothing after a statement that failed, even when its error is caught', async () => {
      const work = store().transaction(async (tx) => {
        const db = tx.workspace('w')
        await db.bulkInsert('customers', [customer('a')], 'fail')
        await db.bulkInsert('customers', [customer('b'), customer('a')], 'fail').catch(() => {})
      })
      await expect(work).rejects.toThrow()
      expect(await ids(store().read.workspace('w'))).toEqual([])
      await store().transaction((tx) => tx.workspace('w').bulkInsert('customers', [customer('c')], 'fail'))
      expect(await ids(store().read.workspace('w'))).toEqual(['c'])
    })

    it('refuse the store inside one of its own transactions, instead of waiting for themselves', async () => {
      await store().transaction(async () => {
        await expect(store().transaction(async () => {})).rejects.toThrow('use the handle')
      })
      await store().transaction(async () => {})
    })

    it('leave a handle that does nothing after the end', async () => {
      const kept = await store().transaction(async (tx) => ({ tx, db: tx.workspace('w') }))
      expect(() => kept.db.selectFrom('customers')).toThrow('has ended')
      expect(() => kept.tx.system).toThrow('has ended')
      await expect(kept.db.bulkInsert('customers', [customer('late')], 'fail')).rejects.toThrow('has ended')
    })

    it('are the only way to write', async () => {
      const db = store().read.workspace('w')
      await expect(db.bulkInsert('customers', [customer('a')], 'fail')).rejects.toThrow(/read-?only/)
      await expect(db.deleteFrom('customers').execute()).rejects.toThrow(/read-?only/)
    })

    it('queue up: many read, add one and write without a lost update', async () => {
      await store().transaction((tx) => tx.workspace('w').bulkInsert('customers', [customer('n', 0)], 'fail'))
      const other = await openAgain()
      const addOne = (by: Store) =>
        by.transaction(async (tx) => {
          const db = tx.workspace('w')
          await db.lockCustomers(['n'])
          const { version } = await db.selectFrom('customers').select('version').executeTakeFirstOrThrow()
          await db
            .updateTable('customers')
            .set({ version: version + 1 })
            .execute()
        })
      await Promise.all(Array.from({ length: 40 }, (_, i) => addOne(i % 2 === 0 ? store() : other)))
      const row = await store()
        .read.workspace('w')
        .selectFrom('customers')
        .select('version')
        .executeTakeFirst()
      expect(row?.version).toBe(40)
      await other.close()
    })

    it('say that nobody waits when nobody does', async () => {
      expect(await store().transaction(async (tx) => tx.othersWait())).toBe(false)
    })

    it('do not move a snapshot', async () => {
      await store().transaction((tx) => tx.workspace('w').bulkInsert('customers', [customer('a')], 'fail'))
      await store().snapshot(async (scope) => {
        expect(await ids(scope.workspace('w'))).toEqual(['a'])
        await store().transaction((tx) => tx.workspace('w').bulkInsert('customers', [customer('b')], 'fail'))
        expect(await ids(store().read.workspace('w'))).toEqual(['a', 'b'])
        expect(await ids(scope.workspace('w'))).toEqual(['a'])
      })
      const writing = store().snapshot((scope) => scope.workspace('w').deleteFrom('customers').execute())
      await expect(writing).rejects.toThrow(/read-?only/)
      await store().snapshot(async (scope) => expect(await ids(scope.workspace('w'))).toEqual(['a', 'b']))
    })
  })
}

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import { claimContract, queryContract } from './query-contract.ts'
import { roundTripContract } from './round-trip-contract.ts'
import { customer, ids } from './store-rows.ts'
import { transactionContract } from './transaction-contract.ts'

/** One empty store, fresh for each test. */
export interface StoreHarness {
  store: Store
  /** Another store over the same rows: as another thread would open it. */
  openAgain(): Promise<Store>
  /** Runs SQL beside the store. */
  raw(text: string): Promise<void>
  dispose(): Promise<void>
}

/** What every store keeps, whatever holds its rows. */
export function storeContract(name: string, open: () => Promise<StoreHarness>): void {
  describe(`${name} store`, () => {
    let harness: StoreHarness
    let store: Store
    beforeEach(async () => {
      harness = await open()
      store = harness.store
    })
    afterEach(() => harness.dispose())
    const current = () => store

    transactionContract(current, () => harness.openAgain())
    tenants(current)
    roundTripContract(current)
    queryContract(current)
    claimContract(current)
    versions(current, () => harness)
  })
}

const tenantOperation = fc.record({
  kind: fc.constantFrom('insert', 'ignore', 'update', 'delete', 'delete-all', 'keys', 'or' as const),
  workspace: fc.constantFrom('a', 'b', "a' or 1=1 --"),
  ids: fc.uniqueArray(fc.constantFrom('1', '2', '3', '4'), { minLength: 1 }),
  version: fc.integer({ min: 0, max: 1000 }),
})

/** Each tenant's rows, against a map for each tenant that knows of no other. */
function tenants(store: () => Store): void {
  it('never shows or changes a row of another tenant', async () => {
    const model = new Map<string, Map<string, number>>()
    const check = fc.asyncProperty(fc.array(tenantOperation, { maxLength: 12 }), async (operations) => {
      for (const { kind, workspace, ids, version } of operations) {
        const rows = model.get(workspace) ?? new Map<string, number>()
        model.set(workspace, rows)
        await store().transaction(async (tx) => {
          const db = tx.workspace(workspace)
          const records = ids.map((id) => customer(id, version))
          switch (kind) {
            case 'insert':
              await db.bulkInsert('customers', records, {
                key: ['workspace', 'customer_id'],
                update: ['version'],
              })
              for (const id of ids) rows.set(id, version)
              break
            case 'ignore':
              await db.bulkInsert('customers', records, 'ignore')
              for (const id of ids) if (!rows.has(id)) rows.set(id, version)
              break
            case 'update':
              await db.updateTable('customers').set({ version }).where('customer_id', 'in', ids).execute()
              for (const id of ids) if (rows.has(id)) rows.set(id, version)
              break
            case 'delete':
              await db.deleteFrom('customers').where('customer_id', 'in', ids).execute()
              for (const id of ids) rows.delete(id)
              break
            case 'delete-all':
              await db.deleteFrom('customers').execute()
              rows.clear()
              break
            case 'keys':
            case 'or': {
              const query =
                kind === 'keys'
                  ? db.selectByKeys('customers', 'customer_id', ids)
                  : db
                      .selectFrom('customers')
                      .where((eb) => eb.or(ids.map((id) => eb('customer_id', '=', id))))
              const found = await query.select(['customer_id', 'version']).execute()
              expect(new Map(found.map((row) => [row.customer_id, row.version]))).toEqual(
                new Map([...rows].filter(([id]) => (ids as string[]).includes(id))),
              )
            }
          }
        })
      }
      for (const [workspace, rows] of model) {
        const found = await store().read.workspace(workspace).selectFrom('customers').selectAll().execute()
        expect(found.every((row) => row.workspace === workspace)).toBe(true)
        expect(new Map(found.map((row) => [row.customer_id, row.version]))).toEqual(rows)
      }
    })
    await fc.assert(check, { numRuns: 30 })
  })

  it('has no builder without a workspace', () => {
    expect(() => store().read.workspace('')).toThrow('a workspace has a name')
  })
}

function versions(store: () => Store, harness: () => StoreHarness): void {
  describe('versions', () => {
    it('open an existing store with its rows', async () => {
      await store().transaction((tx) => tx.workspace('w').bulkInsert('customers', [customer('a')], 'fail'))
      const again = await harness().openAgain()
      expect(await ids(again.read.workspace('w'))).toEqual(['a'])
      await again.close()
    })

    it('refuse a store of a newer version in one line', async () => {
      await harness().raw(`insert into store_migrations (name, applied_at) values ('9999_future', 0)`)
      const error = await harness()
        .openAgain()
        .then(() => null, String)
      expect(error).toContain('was written by a newer version of Starling (it has 9999_future)')
      expect(error?.split('\n')).toHaveLength(1)
    })
  })
}

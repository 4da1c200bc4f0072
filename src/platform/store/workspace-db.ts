import type { Kysely, SelectQueryBuilder } from 'kysely'
import type { BulkInsert } from './bulk-insert.ts'
import { keysList } from './keys-list.ts'
import { lockName, tryLockName } from './locks.ts'
import { type RowsOf, runRecurring } from './recurring-query.ts'
import type { StoreSchema } from './schema.ts'
import type { WorkspaceDb, WorkspaceTable } from './store.ts'

export interface WorkspaceDbParts {
  dialect: 'sqlite' | 'postgres'
  kysely: Kysely<StoreSchema>
  bulkInsert: BulkInsert
  /** SQLite: see `StoreScope.atOnce`. */
  rowsOf?: RowsOf
  atOnce?: <T>(work: () => T) => T
  /** Keys are one key each, so that the text of a query says so. */
  oneKeyEach?: boolean
  /** Throws when the scope that this belongs to has ended. */
  assertOpen(): void
}

/** The queries of one tenant: whatever it hands out is bound to the workspace already. */
export function createWorkspaceDb(parts: WorkspaceDbParts, workspace: string): WorkspaceDb {
  const { dialect, kysely, bulkInsert, assertOpen } = parts
  if (workspace === '') throw new Error('a workspace has a name')
  // Kysely resolves column names only for concrete tables; of the generic ones we know that each has a
  // workspace column, since `WorkspaceTable` leaves out the system tables.
  const select = (table: WorkspaceTable): Selection => {
    assertOpen()
    return kysely.selectFrom(table as 'customers').where(`${table as 'customers'}.workspace`, '=', workspace)
  }
  const customersIn = (ids: readonly string[]) =>
    select('customers')
      .where('customers.customer_id', 'in', keysList(dialect, ids))
      .select('customers.customer_id')
  return {
    workspace,
    dialect,
    selectFrom: (table) => select(table) as never,
    updateTable(table) {
      assertOpen()
      return kysely
        .updateTable(table as 'customers')
        .where(`${table as 'customers'}.workspace`, '=', workspace) as never
    },
    deleteFrom(table) {
      assertOpen()
      return kysely
        .deleteFrom(table as 'customers')
        .where(`${table as 'customers'}.workspace`, '=', workspace) as never
    },
    async bulkInsert(table, rows, onConflict) {
      assertOpen()
      return bulkInsert(table, rows as Record<string, unknown>[], onConflict, workspace)
    },
    selectByKeys(table, column, values) {
      if (parts.oneKeyEach === true)
        return select(table).where(`${table}.${column}` as 'customer_id', '=', values[0]!) as never
      return select(table).where(
        `${table}.${column}` as 'customer_id',
        'in',
        keysList(dialect, values),
      ) as never
    },
    recurring(query, values) {
      assertOpen()
      const dbOf = (name: string, oneKeyEach: boolean) => createWorkspaceDb({ ...parts, oneKeyEach }, name)
      return runRecurring(query, values, { ...parts, workspace, dbOf })
    },
    async lockCustomers(customerIds) {
      if (dialect === 'sqlite' || customerIds.length === 0) return
      await customersIn(customerIds)
        // One order for all, so that two transactions never hold what the other wants.
        .orderBy('customers.customer_id')
        .forUpdate()
        .execute()
    },
    async tryLockCustomers(customerIds) {
      const free = new Set(customerIds)
      if (dialect === 'sqlite' || free.size === 0) return free
      const ids = [...free]
      const locked = await customersIn(ids).forUpdate().skipLocked().execute()
      if (locked.length === free.size) return free
      // One without a row has nothing to lock, and nobody who changes it.
      const own = new Set(locked.map((row) => row.customer_id))
      for (const { customer_id } of await customersIn(ids).execute()) {
        if (!own.has(customer_id)) free.delete(customer_id)
      }
      return free
    },
    async lock(name, mode = 'alone') {
      assertOpen()
      if (dialect === 'postgres') await lockName(kysely, workspace, name, mode)
    },
    async tryLock(name) {
      assertOpen()
      return dialect === 'sqlite' || (await tryLockName(kysely, workspace, name))
    },
  }
}

type Selection = SelectQueryBuilder<StoreSchema, 'customers', Record<never, never>>

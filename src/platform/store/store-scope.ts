import { type QueryValues, runRecurring, type SystemQuery } from './recurring-query.ts'
import type { OnConflict, StoreScope, StoreTransaction, SystemTable } from './store.ts'
import { createWorkspaceDb, type WorkspaceDbParts } from './workspace-db.ts'

/** What both dialects hand to rooms: the tenants' builders and the system tables. */
export function createScope(parts: WorkspaceDbParts): StoreScope {
  return {
    workspace: (workspace) => createWorkspaceDb(parts, workspace),
    get system() {
      parts.assertOpen()
      return parts.kysely as never
    },
    recurring<V extends QueryValues, R>(query: SystemQuery<V, R>, values: V) {
      parts.assertOpen()
      const dbOf = () => parts.kysely as unknown as StoreScope['system']
      return runRecurring(query, values, { ...parts, workspace: '', dbOf })
    },
    atOnce: parts.atOnce ?? ((work) => work()),
  }
}

export function createTransactionScope(parts: WorkspaceDbParts, othersWait: () => boolean): StoreTransaction {
  const scope = createScope(parts)
  return {
    workspace: scope.workspace,
    recurring: scope.recurring,
    atOnce: scope.atOnce,
    get system() {
      return scope.system
    },
    othersWait,
    async systemBulk<T extends SystemTable>(table: T, rows: readonly object[], onConflict: OnConflict<T>) {
      parts.assertOpen()
      await parts.bulkInsert(table, rows as Record<string, unknown>[], onConflict, undefined)
    },
  }
}

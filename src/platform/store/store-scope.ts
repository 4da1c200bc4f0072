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
  }
}

export function createTransactionScope(parts: WorkspaceDbParts, othersWait: () => boolean): StoreTransaction {
  const scope = createScope(parts)
  return {
    workspace: scope.workspace,
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

import { setImmediate } from 'node:timers/promises'
import type { RowOf, Store, StoreScope, WorkspaceDb } from '#platform/store/store.ts'

/** Few enough that a page holds a thread for some milliseconds only. */
const rowsPerPage = 500

/** Every customer in pages by id, each page with one consistent look at the store. */
export async function eachCustomerPage(
  store: Store,
  workspace: string,
  look: (customers: RowOf<'customers'>[], db: WorkspaceDb, scope: StoreScope) => Promise<void>,
): Promise<void> {
  let after = ''
  for (;;) {
    const rows = await store.snapshot(async (scope) => {
      const db = scope.workspace(workspace)
      const page = await db
        .selectFrom('customers')
        .selectAll('customers')
        .where('customers.customer_id', '>', after)
        .orderBy('customers.customer_id')
        .limit(rowsPerPage)
        .execute()
      if (page.length > 0) await look(page, db, scope)
      return page
    })
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsPerPage) return
    after = last.customer_id
    await setImmediate()
  }
}

/** Every message in pages by id, each page with one consistent look at the store. */
export async function eachMessagePage(
  store: Store,
  workspace: string,
  look: (messages: RowOf<'messages'>[], db: WorkspaceDb) => Promise<void>,
): Promise<void> {
  let after = ''
  for (;;) {
    const rows = await store.snapshot(async (scope) => {
      const db = scope.workspace(workspace)
      const page = await db
        .selectFrom('messages')
        .selectAll('messages')
        .where('messages.message_id', '>', after)
        .orderBy('messages.message_id')
        .limit(rowsPerPage)
        .execute()
      if (page.length > 0) await look(page, db)
      return page
    })
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsPerPage) return
    after = last.message_id
    await setImmediate()
  }
}

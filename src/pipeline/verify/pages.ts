import { setImmediate } from 'node:timers/promises'
import type { RowOf, Store, StoreScope, WorkspaceDb } from '#platform/store/store.ts'

/** Few enough that a page holds a thread for some milliseconds only. */
const rowsPerPage = 500

type Look<T extends 'customers' | 'messages' | 'decisions'> = (
  rows: RowOf<T>[],
  db: WorkspaceDb,
  scope: StoreScope,
) => Promise<void>

/** Every customer in pages by id, each page with one consistent look at the store. */
export function eachCustomerPage(store: Store, workspace: string, look: Look<'customers'>): Promise<void> {
  const pageAfter = (db: WorkspaceDb, after: string) =>
    db
      .selectFrom('customers')
      .selectAll('customers')
      .where('customers.customer_id', '>', after)
      .orderBy('customers.customer_id')
      .limit(rowsPerPage)
      .execute()
  return eachPage(store, workspace, pageAfter, (row) => row.customer_id, look)
}

/** Of a page of customers, what the worker has yet to look at. */
export function timersDue(
  db: WorkspaceDb,
  rows: RowOf<'customers'>[],
  now: number,
): Promise<Pick<RowOf<'timers'>, 'customer_id' | 'kind' | 'subject'>[]> {
  return db
    .selectFrom('timers')
    .select(['timers.customer_id', 'timers.kind', 'timers.subject'])
    .where('timers.due_at', '<=', now)
    .where('timers.customer_id', '>=', rows[0]?.customer_id ?? '')
    .where('timers.customer_id', '<=', rows.at(-1)?.customer_id ?? '')
    .execute()
}

/** Every message in pages by id, each page with one consistent look at the store. */
export function eachMessagePage(store: Store, workspace: string, look: Look<'messages'>): Promise<void> {
  const pageAfter = (db: WorkspaceDb, after: string) =>
    db
      .selectFrom('messages')
      .selectAll('messages')
      .where('messages.message_id', '>', after)
      .orderBy('messages.message_id')
      .limit(rowsPerPage)
      .execute()
  return eachPage(store, workspace, pageAfter, (row) => row.message_id, look)
}

/** Every decision in pages by id, each page with one consistent look at the store. */
export function eachDecisionPage(store: Store, workspace: string, look: Look<'decisions'>): Promise<void> {
  const pageAfter = (db: WorkspaceDb, after: string) =>
    db
      .selectFrom('decisions')
      .selectAll('decisions')
      .where('decisions.decision_id', '>', after)
      .orderBy('decisions.decision_id')
      .limit(rowsPerPage)
      .execute()
  return eachPage(store, workspace, pageAfter, (row) => row.decision_id, look)
}

async function eachPage<Row>(
  store: Store,
  workspace: string,
  pageAfter: (db: WorkspaceDb, after: string) => Promise<Row[]>,
  idOf: (row: Row) => string,
  look: (rows: Row[], db: WorkspaceDb, scope: StoreScope) => Promise<void>,
): Promise<void> {
  let after = ''
  for (;;) {
    const rows = await store.snapshot(async (scope) => {
      const db = scope.workspace(workspace)
      const page = await pageAfter(db, after)
      if (page.length > 0) await look(page, db, scope)
      return page
    })
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsPerPage) return
    after = idOf(last)
    await setImmediate()
  }
}

import { setImmediate } from 'node:timers/promises'
import type { RowOf, Store, StoreScope, WorkspaceDb } from '#platform/store/store.ts'

/** Few enough that a page holds a thread for some milliseconds only. */
const rowsPerPage = 500

type Look<T extends 'customers' | 'messages' | 'decisions' | 'coupon_codes'> = (
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

/** The ids of every account in pages, each page with one consistent look at the store. */
export function eachAccountPage(
  store: Store,
  workspace: string,
  look: (accountIds: string[], db: WorkspaceDb) => Promise<void>,
): Promise<void> {
  const pageAfter = async (db: WorkspaceDb, after: string) => {
    const rows = await db
      .selectFrom('accounts')
      .select('accounts.account_id')
      .where('accounts.account_id', '>', after)
      .orderBy('accounts.account_id')
      .limit(rowsPerPage)
      .execute()
    return rows.map((row) => row.account_id)
  }
  return eachPage(store, workspace, pageAfter, (id) => id, look)
}

/** Every code in pages, each page with one consistent look at the store. */
export function eachCodePage(store: Store, workspace: string, look: Look<'coupon_codes'>): Promise<void> {
  const pageAfter = (db: WorkspaceDb, after: string) =>
    db
      .selectFrom('coupon_codes')
      .selectAll('coupon_codes')
      .where('coupon_codes.code', '>', after)
      .orderBy('coupon_codes.code')
      .limit(rowsPerPage)
      .execute()
  return eachPage(store, workspace, pageAfter, (row) => row.code, look)
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

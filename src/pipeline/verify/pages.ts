import { setImmediate } from 'node:timers/promises'
import type { RowOf, Store, StoreScope, WorkspaceDb } from '#platform/store/store.ts'

/** Few enough that a page holds a thread for some milliseconds only. */
const rowsPerPage = 500

/** What tables are read by. */
const ids = {
  customers: 'customer_id',
  messages: 'message_id',
  decisions: 'decision_id',
  accounts: 'account_id',
  coupon_codes: 'code',
} as const

/** Every row of a table in pages by id, each page with one consistent look at the store. */
export async function eachPage<T extends keyof typeof ids>(
  store: Store,
  workspace: string,
  table: T,
  look: (rows: RowOf<T>[], db: WorkspaceDb, scope: StoreScope) => Promise<void>,
): Promise<void> {
  let after = ''
  for (;;) {
    const rows = await store.snapshot(async (scope) => {
      const db = scope.workspace(workspace)
      const page = await pageAfter(db, table, after)
      if (page.length > 0) await look(page, db, scope)
      return page
    })
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsPerPage) return
    after = last[ids[table] as never]
    await setImmediate()
  }
}

async function pageAfter<T extends keyof typeof ids>(
  db: WorkspaceDb,
  table: T,
  after: string,
): Promise<RowOf<T>[]> {
  // One of them for the types: a table by a name that is not known is beyond Kysely's.
  const own = table as 'customers'
  const id = `${own}.${ids[table] as 'customer_id'}` as const
  const rows = db.selectFrom(own).selectAll(own).where(id, '>', after).orderBy(id).limit(rowsPerPage)
  return (await rows.execute()) as unknown as RowOf<T>[]
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

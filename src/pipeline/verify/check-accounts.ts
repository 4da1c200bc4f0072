import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '#contracts/json.ts'
import type { Profile } from '#contracts/profile.ts'
import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import { loadAccounts } from '../../profile/account-rows.ts'
import { loadCustomers, saveCustomers } from '../../profile/customer-rows.ts'
import { type CheckResult, difference } from './difference.ts'
import { eachPage, timersDue } from './pages.ts'

/** Every customer carries a copy of the accounts they belong to, as these are, and of no other. */
export async function checkAccounts(
  store: Store,
  workspace: string,
  { now, repair }: { now: number; repair: boolean },
): Promise<CheckResult> {
  const result: CheckResult = { checked: 0, differences: [] }
  const wrong: string[] = []
  await eachPage(store, workspace, 'customers', async (rows, db) => {
    const standing = await loadCopies(db, rows)
    const waiting = await copiesUnderWay(db, rows, now)
    for (const row of rows) {
      if (row.merged_into !== null) continue
      const kept = (JSON.parse(row.profile_json) as Profile).accounts ?? {}
      const own = standing.get(row.customer_id) ?? {}
      result.checked += Object.keys(own).length
      const off = [...new Set([...Object.keys(own), ...Object.keys(kept)])].filter(
        (id) => !isDeepStrictEqual(own[id], kept[id]) && !waiting.has(`${row.customer_id} ${id}`),
      )
      if (off.length > 0) wrong.push(row.customer_id)
      for (const id of off) {
        const detail = own[id] === undefined ? 'and does not belong to it' : 'other than the account is'
        result.differences.push(difference('accounts', row.customer_id, `keeps ${id} ${detail}`))
      }
    }
  })
  if (!repair || wrong.length === 0) return result
  for (let i = 0; i < wrong.length; i += repairedPerTransaction)
    await mend(store, workspace, wrong.slice(i, i + repairedPerTransaction), now)
  for (const own of result.differences) own.repaired = true
  return result
}

const repairedPerTransaction = 50

async function mend(store: Store, workspace: string, customerIds: string[], now: number): Promise<void> {
  await store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    await db.lockCustomers(customerIds)
    const customers = [...(await loadCustomers(db, customerIds)).values()].filter(
      (own) => own.mergedInto === null,
    )
    const standing = await loadCopies(
      db,
      customers.map(({ customerId }) => ({ customer_id: customerId })),
    )
    for (const { customerId, profile } of customers) profile.accounts = standing.get(customerId) ?? {}
    await saveCustomers(db, customers, now)
  })
}

/** By customer, the traits of each account that they belong to. */
async function loadCopies(
  db: WorkspaceDb,
  customers: Pick<RowOf<'customers'>, 'customer_id'>[],
): Promise<Map<string, Record<string, JsonObject>>> {
  const rows = await db
    .selectByKeys(
      'account_members',
      'customer_id',
      customers.map((row) => row.customer_id),
    )
    .select(['account_members.account_id', 'account_members.customer_id'])
    .execute()
  const accounts = await loadAccounts(db, [...new Set(rows.map((row) => row.account_id))])
  const copies = new Map<string, Record<string, JsonObject>>()
  for (const [customerId, own] of Map.groupBy(rows, (row) => row.customer_id)) {
    const traits = own.map((row) => [row.account_id, accounts.get(row.account_id)?.traits ?? {}] as const)
    copies.set(customerId, Object.fromEntries(traits))
  }
  return copies
}

/** What the worker has yet to bring up to date: customer, space, account. */
async function copiesUnderWay(
  db: WorkspaceDb,
  rows: RowOf<'customers'>[],
  now: number,
): Promise<ReadonlySet<string>> {
  const due = (await timersDue(db, rows, now)).filter(({ kind }) => kind === 'account')
  return new Set(due.map((row) => `${row.customer_id} ${row.subject}`))
}

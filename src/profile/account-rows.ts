import type { InstantMs } from '#contracts/clock.ts'
import type { JsonObject } from '#contracts/json.ts'
import { ChangedMeanwhileError } from '#platform/store/changed-meanwhile.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import type { Account } from './accounts.ts'

export async function loadAccounts(
  db: WorkspaceDb,
  accountIds: readonly string[],
): Promise<Map<string, Account>> {
  if (accountIds.length === 0) return new Map()
  const rows = await db.recurring(ofIds, { accountIds })
  return new Map(rows.map((row) => [row.account_id, accountOf(row)]))
}

const ofIds: RecurringQuery<{ accountIds: readonly string[] }, RowOf<'accounts'>> = {
  like: { accountIds: 'keys' },
  build: (db, { accountIds }) => db.selectByKeys('accounts', 'account_id', accountIds).selectAll('accounts'),
}

/** Fails, and the transaction runs again, where somebody else has changed one of them since it was read. */
export async function saveAccounts(db: WorkspaceDb, accounts: Account[], now: InstantMs): Promise<void> {
  if (accounts.length === 0) return
  // One order for all, so that two batches never hold what the other wants.
  const ordered = accounts.toSorted((a, b) => (a.accountId < b.accountId ? -1 : 1))
  const rows = ordered.map(({ accountId, version, traits, traitsAt, createdAt }) => ({
    account_id: accountId,
    version: version + 1,
    traits_json: JSON.stringify(traits),
    traits_at: traitsAt,
    created_at: createdAt,
    updated_at: now,
  }))
  const written = await db.bulkInsert('accounts', rows, {
    key: ['workspace', 'account_id'],
    update: ['version', 'traits_json', 'traits_at', 'updated_at'],
    onlyIf: 'version-before',
  })
  if (written < rows.length) throw new ChangedMeanwhileError('an account')
  for (const account of accounts) account.version += 1
}

/** One that is there already stays as it is. */
export async function insertMembers(
  db: WorkspaceDb,
  rows: WorkspaceRowOf<'account_members'>[],
): Promise<void> {
  if (rows.length > 0) await db.bulkInsert('account_members', rows, 'ignore')
}

/** The customers of each of these accounts, by account; one without any is absent. */
export async function loadMembers(
  db: WorkspaceDb,
  accountIds: readonly string[],
): Promise<Map<string, string[]>> {
  if (accountIds.length === 0) return new Map()
  const rows = await db.recurring(membersOf, { accountIds })
  const byAccount = Map.groupBy(rows, (row) => row.account_id)
  return new Map([...byAccount].map(([id, own]) => [id, own.map((row) => row.customer_id)]))
}

const membersOf: RecurringQuery<
  { accountIds: readonly string[] },
  Pick<RowOf<'account_members'>, 'account_id' | 'customer_id'>
> = {
  like: { accountIds: 'keys' },
  build: (db, { accountIds }) =>
    db
      .selectByKeys('account_members', 'account_id', accountIds)
      .select(['account_members.account_id', 'account_members.customer_id'])
      .orderBy('account_members.customer_id'),
}

/** Of a customer who is merged into another: that one is a member since the earlier moment. */
export async function moveMemberships(db: WorkspaceDb, fromId: string, intoId: string): Promise<void> {
  const rows = await db
    .selectFrom('account_members')
    .selectAll('account_members')
    .where('account_members.customer_id', '=', fromId)
    .execute()
  if (rows.length === 0) return
  await db.deleteFrom('account_members').where('account_members.customer_id', '=', fromId).execute()
  await db.bulkInsert(
    'account_members',
    rows.map(({ account_id, since }) => ({ account_id, since, customer_id: intoId })),
    { key: ['workspace', 'account_id', 'customer_id'], update: [], lowest: ['since'] },
  )
}

function accountOf(row: RowOf<'accounts'>): Account {
  return {
    accountId: row.account_id,
    version: row.version,
    traits: JSON.parse(row.traits_json) as JsonObject,
    traitsAt: row.traits_at,
    createdAt: row.created_at,
  }
}

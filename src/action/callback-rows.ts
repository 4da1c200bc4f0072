import { dayUtcOf } from '#platform/ids/ids.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'

export const callbackOutcomes = [
  'accepted',
  'repeated',
  'unknown-message',
  'out-of-order',
  'bad-signature',
  'stale',
  'unreadable',
] as const
/** What became of one thing that a provider told, or of a whole request that could not be believed or read. */
export type CallbackOutcome = (typeof callbackOutcomes)[number]

/** True where nobody has done it before: then it is this transaction's to do. */
export async function takeReceipt(db: WorkspaceDb, eventId: string, receivedAt: number): Promise<boolean> {
  const row = { event_id: eventId, received_at: receivedAt }
  return (await db.bulkInsert('callback_receipts', [row], 'ignore')) === 1
}

export async function forgetReceiptsBefore(
  db: WorkspaceDb,
  receivedAt: number,
  limit: number,
): Promise<number> {
  const old = await db
    .selectFrom('callback_receipts')
    .select('callback_receipts.event_id')
    .where('callback_receipts.received_at', '<', receivedAt)
    .limit(limit)
    .execute()
  const ids = old.map((row) => row.event_id)
  if (ids.length > 0)
    await db.deleteFrom('callback_receipts').where('callback_receipts.event_id', 'in', ids).execute()
  return ids.length
}

export interface CallbackCount {
  provider: string
  outcome: CallbackOutcome
  count: number
}

export async function addCallbackCounts(
  db: WorkspaceDb,
  counts: readonly CallbackCount[],
  now: number,
): Promise<void> {
  const sums = new Map<string, CallbackCount>()
  for (const own of counts) {
    const key = `${own.provider}\u0000${own.outcome}`
    sums.set(key, { ...own, count: own.count + (sums.get(key)?.count ?? 0) })
  }
  const rows = [...sums.values()].map(({ provider, outcome, count }) => ({
    provider,
    day_utc: dayUtcOf(now),
    outcome,
    callbacks_count: count,
  }))
  if (rows.length === 0) return
  await db.bulkInsert('callback_counts', rows, {
    key: ['workspace', 'provider', 'day_utc', 'outcome'],
    update: [],
    add: ['callbacks_count'],
  })
}

/** By provider and outcome, since a UTC day. */
export async function loadCallbackCounts(db: WorkspaceDb, fromDay: number): Promise<CallbackCount[]> {
  const rows = await db
    .selectFrom('callback_counts')
    .where('callback_counts.day_utc', '>=', fromDay)
    .select((eb) => [
      'callback_counts.provider',
      'callback_counts.outcome',
      eb.fn.sum<number | string>('callback_counts.callbacks_count').as('count'),
    ])
    .groupBy(['callback_counts.provider', 'callback_counts.outcome'])
    .orderBy('callback_counts.provider')
    .orderBy('callback_counts.outcome')
    .execute()
  return rows.map((row) => ({
    provider: row.provider,
    outcome: row.outcome as CallbackOutcome,
    count: Number(row.count),
  }))
}

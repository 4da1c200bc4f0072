import { sql } from 'kysely'
import type { InstantMs } from '#contracts/clock.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { loadPools } from './coupon-rows.ts'

export type Redeemed =
  | { kind: 'redeemed'; poolId: string }
  | { kind: 'refused'; reason: 'unknown' | 'not_given' | 'redeemed' | 'expired' | 'limit' }

/**
 * A till asks whether a code is good, and uses it up: once, while its pool lasts, and by one customer at most
 * as often as the pool allows. `customerId` '' is somebody nobody knows: then whom it was given to.
 */
export async function redeemCode(
  db: WorkspaceDb,
  { code, customerId }: { code: string; customerId: string },
  now: InstantMs,
): Promise<Redeemed> {
  const [seen] = await loadCodes(db, [code])
  const redeemer = customerId === '' ? (seen?.customer_id ?? '') : customerId
  // One after the other of one customer's: else two would both be the last that is allowed. Before the code, as everybody locks.
  if (redeemer !== '') await db.lockCustomers([redeemer])
  const [row] = await lockCodes(db, [code])
  if (row === undefined) return { kind: 'refused', reason: 'unknown' }
  if (row.state === 'redeemed') return { kind: 'refused', reason: 'redeemed' }
  if (row.state === 'available') return { kind: 'refused', reason: 'not_given' }
  const pool = (await loadPools(db, [row.pool_id])).get(row.pool_id)
  if (pool === undefined || pool.expiresAt <= now) return { kind: 'refused', reason: 'expired' }
  if (pool.redemptionsMax > 0 && redeemer !== '') {
    const before = await redeemedBy(db, pool.poolId, redeemer)
    if (before >= pool.redemptionsMax) return { kind: 'refused', reason: 'limit' }
  }
  await writeRedeemed(db, [{ row, customerId: redeemer, at: now }])
  return { kind: 'redeemed', poolId: row.pool_id }
}

/** What shops tell afterwards, as events: facts, which no limit undoes. The first of a code counts. */
export async function noteRedeemed(
  db: WorkspaceDb,
  told: readonly { code: string; customerId: string; at: InstantMs }[],
): Promise<void> {
  if (told.length === 0) return
  const first = new Map([...told].reverse().map((one) => [one.code, one]))
  const rows = await lockCodes(db, [...first.keys()])
  const fresh = rows.filter(({ state }) => state !== 'redeemed')
  await writeRedeemed(
    db,
    fresh.map((row) => ({ row, ...first.get(row.code)! })),
  )
}

async function writeRedeemed(
  db: WorkspaceDb,
  redeemed: readonly { row: RowOf<'coupon_codes'>; customerId: string; at: InstantMs }[],
): Promise<void> {
  if (redeemed.length === 0) return
  const rows = redeemed.map(({ row, customerId, at }) => ({
    ...row,
    state: 'redeemed' as const,
    customer_id: customerId,
    redeemed_at: at,
  }))
  await db.bulkInsert('coupon_codes', rows, {
    key: ['workspace', 'code'],
    update: ['state', 'customer_id', 'redeemed_at'],
  })
}

function loadCodes(db: WorkspaceDb, codes: readonly string[]): Promise<RowOf<'coupon_codes'>[]> {
  return db.selectByKeys('coupon_codes', 'code', codes).selectAll('coupon_codes').execute()
}

/** In one order for all, so that two transactions never hold what the other wants. */
function lockCodes(db: WorkspaceDb, codes: readonly string[]): Promise<RowOf<'coupon_codes'>[]> {
  const rows = db
    .selectByKeys('coupon_codes', 'code', codes)
    .selectAll('coupon_codes')
    .orderBy('coupon_codes.code')
  return (db.dialect === 'postgres' ? rows.forUpdate() : rows).execute()
}

async function redeemedBy(db: WorkspaceDb, poolId: string, customerId: string): Promise<number> {
  const row = await db
    .selectFrom('coupon_codes')
    .select((eb) => eb.fn.countAll<number>().as('codes'))
    .where('coupon_codes.customer_id', '=', customerId)
    .where('coupon_codes.customer_id', '<>', sql.lit<''>(''))
    .where('coupon_codes.pool_id', '=', poolId)
    .where('coupon_codes.state', '=', 'redeemed')
    .executeTakeFirst()
  return Number(row?.codes ?? 0)
}

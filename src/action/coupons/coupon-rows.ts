import { sql } from 'kysely'
import type { InstantMs } from '#contracts/clock.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

export interface CouponPool {
  poolId: string
  name: string
  expiresAt: InstantMs
  /** How long a reservation holds whose message has not begun to send. */
  holdMs: number
  /** Most codes of it that one customer may redeem; 0: any number. */
  redemptionsMax: number
}

/**
 * Codes of a pool by what they are. They add up to what was imported; once the pool has expired, all but the redeemed ones
 * are `expired`.
 */
export interface CouponCounts {
  available: number
  reserved: number
  given: number
  redeemed: number
  expired: number
}

/** Makes a pool, or changes what it says: codes stay as they are. */
export async function savePool(db: WorkspaceDb, pool: CouponPool, now: InstantMs): Promise<void> {
  const { poolId, name, expiresAt, holdMs, redemptionsMax } = pool
  const row = { pool_id: poolId, name, expires_at: expiresAt, hold_ms: holdMs }
  await db.bulkInsert('coupon_pools', [{ ...row, redemptions_max: redemptionsMax, created_at: now }], {
    key: ['workspace', 'pool_id'],
    update: ['name', 'expires_at', 'hold_ms', 'redemptions_max'],
  })
}

export async function loadPools(
  db: WorkspaceDb,
  poolIds: readonly string[],
): Promise<Map<string, CouponPool>> {
  if (poolIds.length === 0) return new Map()
  const rows = await db.selectByKeys('coupon_pools', 'pool_id', poolIds).selectAll('coupon_pools').execute()
  return new Map(rows.map((row) => [row.pool_id, poolOf(row)]))
}

/** By id, each with what has become of its codes. */
export async function listPools(
  db: WorkspaceDb,
  now: InstantMs,
): Promise<(CouponPool & { codes: CouponCounts })[]> {
  const pools = await db
    .selectFrom('coupon_pools')
    .selectAll('coupon_pools')
    .orderBy('coupon_pools.pool_id')
    .execute()
  const counted = await db
    .selectFrom('coupon_codes')
    .select((eb) => ['coupon_codes.pool_id', 'coupon_codes.state', eb.fn.countAll<number>().as('codes')])
    .groupBy(['coupon_codes.pool_id', 'coupon_codes.state'])
    .execute()
  const byPool = Map.groupBy(counted, (row) => row.pool_id)
  return pools.map((row) => {
    const codes: CouponCounts = { available: 0, reserved: 0, given: 0, redeemed: 0, expired: 0 }
    for (const own of byPool.get(row.pool_id) ?? []) {
      const isOver = row.expires_at <= now && own.state !== 'redeemed'
      codes[isOver ? 'expired' : own.state] += Number(own.codes)
    }
    return { ...poolOf(row), codes }
  })
}

/** Resolves to the number of codes that are new; those that the workspace has already stay as they are. */
export async function insertCodes(
  db: WorkspaceDb,
  poolId: string,
  codes: readonly string[],
): Promise<number> {
  const unique = [...new Set(codes)]
  if (unique.length === 0) return 0
  return db.bulkInsert(
    'coupon_codes',
    unique.map((code) => ({ code, pool_id: poolId, ...freeCode })),
    'ignore',
  )
}

/** What a code says that nobody holds. */
export const freeCode = {
  state: 'available',
  holder: '',
  customer_id: '',
  reserved_at: 0,
  reserved_until: 0,
  given_at: 0,
  redeemed_at: 0,
} as const satisfies Partial<WorkspaceRowOf<'coupon_codes'>>

/** A merge: the codes of one customer become the other's. The caller holds both customers' locks. */
export async function moveCodes(db: WorkspaceDb, fromId: string, intoId: string): Promise<void> {
  await db
    .updateTable('coupon_codes')
    .set({ customer_id: intoId })
    .where('coupon_codes.customer_id', '=', fromId)
    .where('coupon_codes.customer_id', '<>', sql.lit<''>(''))
    .execute()
}

function poolOf(row: RowOf<'coupon_pools'>): CouponPool {
  return {
    poolId: row.pool_id,
    name: row.name,
    expiresAt: row.expires_at,
    holdMs: row.hold_ms,
    redemptionsMax: row.redemptions_max,
  }
}

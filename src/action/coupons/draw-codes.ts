import { sql } from 'kysely'
import type { InstantMs } from '#contracts/clock.ts'
import type { Coupon } from '#contracts/guardrail.ts'
import { selectFreeCodes } from '#platform/store/claim.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { type CouponPool, loadPools } from './coupon-rows.ts'

type CodeRow = RowOf<'coupon_codes'>

/** Who is to hold a code: a message, or `key:…` of a reservation over the API. */
export interface Drawer {
  holder: string
  customerId: string
  poolId: string
}

export type Drawn =
  | { kind: 'code'; coupon: Coupon }
  /** `retryMs`: there may be one by then; null: never again for this one. */
  | { kind: 'none'; reason: 'no_coupon' | 'coupon_limit'; retryMs: number | null }

/**
 * Codes for those who are to hold one, taken inside the caller's transaction: nobody else can be given one of them
 * before it commits, and nothing is reserved before `save`.
 */
export interface CodeDraw {
  /** What `take` would say. */
  look(drawer: Drawer): Drawn
  /** The code that the holder has already, else the next of the pool. */
  take(drawer: Drawer): Drawn
  save(): Promise<void>
}

/** An empty pool may be filled: it is asked again. */
const emptyRetryMs = 5 * 60_000
/** Others have the last codes in hand and may give them back. */
const contendedRetryMs = 1000

/** Reads for all at once: the pools, codes held already, as many free ones as could be wanted, and what was redeemed. */
export async function openDraw(
  db: WorkspaceDb,
  drawers: readonly Drawer[],
  now: InstantMs,
): Promise<CodeDraw> {
  if (drawers.length === 0) return emptyDraw
  const byPool = Map.groupBy(drawers, ({ poolId }) => poolId)
  const held = await loadHeld(db, drawers)
  const pools = await loadPools(db, [
    ...new Set([...byPool.keys(), ...[...held.values()].map((row) => row.pool_id)]),
  ])
  const free = new Map<string, CodeRow[]>()
  const contended = new Set<string>()
  for (const [poolId, own] of byPool) {
    const wanted = own.filter(({ holder }) => !held.has(holder)).length
    if (wanted === 0 || (pools.get(poolId)?.expiresAt ?? 0) <= now) continue
    const rows = await selectFreeCodes(db, { poolId, limit: wanted })
    free.set(poolId, rows)
    if (rows.length < wanted && (await hasLockedCodes(db, poolId, rows.length))) contended.add(poolId)
  }
  const redeemed = await countRedeemed(db, drawers, pools)
  const changed = new Map<string, CodeRow>()

  const look = ({ holder, customerId, poolId }: Drawer): Drawn => {
    const own = held.get(holder)
    const pool = pools.get(own?.pool_id ?? poolId)
    if (pool === undefined || pool.expiresAt <= now) return none('no_coupon', null)
    if (own !== undefined) return codeOf(own, pool)
    const { redemptionsMax } = pool
    if (redemptionsMax > 0 && (redeemed.get(redeemedKey(poolId, customerId)) ?? 0) >= redemptionsMax) {
      return none('coupon_limit', null)
    }
    const next = free.get(poolId)?.[0]
    if (next !== undefined) return codeOf(next, pool)
    return none('no_coupon', contended.has(poolId) ? contendedRetryMs : emptyRetryMs)
  }
  return {
    look,
    take(drawer) {
      const drawn = look(drawer)
      if (drawn.kind === 'none') return drawn
      const { holder, customerId, poolId } = drawer
      const own = held.get(holder) ?? free.get(poolId)?.shift()
      if (own === undefined) throw new Error('a code was seen and is gone')
      const until = now + (pools.get(own.pool_id)?.holdMs ?? 0)
      const row: CodeRow = held.has(holder)
        ? { ...own, reserved_until: own.state === 'reserved' ? until : own.reserved_until }
        : {
            ...own,
            state: 'reserved',
            holder,
            customer_id: customerId,
            reserved_at: now,
            reserved_until: until,
          }
      held.set(holder, row)
      changed.set(row.code, row)
      return drawn
    },
    async save() {
      if (changed.size === 0) return
      await db.bulkInsert('coupon_codes', [...changed.values()], {
        key: ['workspace', 'code'],
        update: ['state', 'holder', 'customer_id', 'reserved_at', 'reserved_until'],
      })
    },
  }
}

const emptyDraw: CodeDraw = {
  look: () => none('no_coupon', null),
  take: () => none('no_coupon', null),
  save: async () => {},
}

function none(reason: 'no_coupon' | 'coupon_limit', retryMs: number | null): Drawn {
  return { kind: 'none', reason, retryMs }
}

function codeOf({ code }: CodeRow, { expiresAt }: CouponPool): Drawn {
  return { kind: 'code', coupon: { code, expiresAt } }
}

/** By holder; nobody redeems or gives them back until the transaction ends. */
async function loadHeld(db: WorkspaceDb, drawers: readonly Drawer[]): Promise<Map<string, CodeRow>> {
  const held = db
    .selectByKeys(
      'coupon_codes',
      'holder',
      drawers.map(({ holder }) => holder),
    )
    // As the index says it, and not as a parameter: else it is not used.
    .where('coupon_codes.holder', '<>', sql.lit<''>(''))
    .selectAll('coupon_codes')
    .orderBy('coupon_codes.holder')
  const rows = await (db.dialect === 'postgres' ? held.forUpdate() : held).execute()
  return new Map(rows.map((row) => [row.holder, row]))
}

/** SQLite has one writer: what is free is seen. */
async function hasLockedCodes(db: WorkspaceDb, poolId: string, seen: number): Promise<boolean> {
  if (db.dialect === 'sqlite') return false
  const rows = await db
    .selectFrom('coupon_codes')
    .select('coupon_codes.code')
    .where('coupon_codes.pool_id', '=', poolId)
    .where('coupon_codes.state', '=', 'available')
    .limit(seen + 1)
    .execute()
  return rows.length > seen
}

/** By `redeemedKey`, of customers who are to hold a code of a pool that limits them. */
async function countRedeemed(
  db: WorkspaceDb,
  drawers: readonly Drawer[],
  pools: ReadonlyMap<string, CouponPool>,
): Promise<Map<string, number>> {
  const limited = drawers.filter(({ poolId }) => (pools.get(poolId)?.redemptionsMax ?? 0) > 0)
  const customers = [...new Set(limited.map(({ customerId }) => customerId))].filter((id) => id !== '')
  if (customers.length === 0) return new Map()
  const rows = await db
    .selectByKeys('coupon_codes', 'customer_id', customers)
    .where('coupon_codes.customer_id', '<>', sql.lit<''>(''))
    .where('coupon_codes.state', '=', 'redeemed')
    // Counted here: grouped, SQLite takes the order of another index, and reads all codes.
    .select(['coupon_codes.pool_id', 'coupon_codes.customer_id'])
    .execute()
  const counts = new Map<string, number>()
  for (const row of rows) {
    const key = redeemedKey(row.pool_id, row.customer_id)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

function redeemedKey(poolId: string, customerId: string): string {
  return `${poolId}\u0000${customerId}`
}

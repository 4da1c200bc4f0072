import type { Coupon } from '#contracts/guardrail.ts'
import { type CouponPool, insertCodes, loadPools, savePool } from '../action/coupons/coupon-rows.ts'
import { type Drawn, openDraw } from '../action/coupons/draw-codes.ts'
import { type Redeemed, redeemCode } from '../action/coupons/redeem-codes.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'
import { findCustomer } from './find-customer.ts'

export async function saveCouponPool(
  { store, clock }: ChangeParts,
  change: Change & { pool: CouponPool },
): Promise<void> {
  await store.transaction(async (tx) => {
    const now = clock.now()
    await savePool(tx.workspace(change.workspace), change.pool, now)
    await audit(tx, change, now, 'coupon-pool.save', change.pool.poolId)
  })
}

/** Null where there is no such pool. */
export async function importCodes(
  { store, clock }: ChangeParts,
  change: Change & { poolId: string; codes: readonly string[] },
): Promise<{ imported: number; duplicates: number } | null> {
  return store.transaction(async (tx) => {
    const db = tx.workspace(change.workspace)
    const { poolId, codes } = change
    if (!(await loadPools(db, [poolId])).has(poolId)) return null
    const imported = await insertCodes(db, poolId, codes)
    await audit(tx, change, clock.now(), 'coupon-pool.import', poolId, '', { imported })
    return { imported, duplicates: codes.length - imported }
  })
}

/** One code for each key; the same key gets the same code while its reservation holds. All or nothing is written. */
export async function reserveCodes(
  { store, clock }: Pick<ChangeParts, 'store' | 'clock'>,
  asked: { workspace: string; poolId: string; for: readonly { key: string; customerId: string }[] },
): Promise<Drawn[]> {
  return store.transaction(async (tx) => {
    const db = tx.workspace(asked.workspace)
    const drawers = asked.for.map(({ key, customerId }) => ({
      holder: `key:${key}`,
      customerId,
      poolId: asked.poolId,
    }))
    const draw = await openDraw(db, drawers, clock.now())
    const drawn = drawers.map((drawer) => draw.take(drawer))
    await draw.save()
    return drawn
  })
}

/** `customer`: our id or the product's user id; left out: nobody known. */
export async function reserveForCustomer(
  parts: Pick<ChangeParts, 'store' | 'clock'>,
  { workspace, poolId, key, customer }: { workspace: string; poolId: string; key: string; customer?: string },
): Promise<{ kind: 'reserved'; coupon: Coupon } | { kind: 'none'; reason: string }> {
  const db = parts.store.read.workspace(workspace)
  const customerId = customer === undefined ? '' : await findCustomer(db, customer)
  const [drawn] = await reserveCodes(parts, { workspace, poolId, for: [{ key, customerId }] })
  if (drawn === undefined) throw new Error('one was asked for')
  return drawn.kind === 'code' ? { kind: 'reserved', coupon: drawn.coupon } : drawn
}

export async function redeem(
  { store, clock }: Pick<ChangeParts, 'store' | 'clock'>,
  { workspace, code, customer }: { workspace: string; code: string; customer?: string },
): Promise<Redeemed> {
  return store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    const customerId = customer === undefined ? '' : await findCustomer(db, customer)
    return redeemCode(db, { code, customerId }, clock.now())
  })
}

import type { WorkspaceDb } from '#platform/store/store.ts'
import { withoutWorkspace } from '#platform/store/without-workspace.ts'
import { freeCode } from '../../action/coupons/coupon-rows.ts'

/** Pools as they are, and their codes as if nobody had been given one. */
export async function copyPools(live: WorkspaceDb, into: WorkspaceDb): Promise<void> {
  const pools = await live.selectFrom('coupon_pools').selectAll('coupon_pools').execute()
  if (pools.length === 0) return
  const codes = await live.selectFrom('coupon_codes').selectAll('coupon_codes').execute()
  await into.bulkInsert('coupon_pools', pools.map(withoutWorkspace), 'ignore')
  const free = codes.map((code) => ({ ...withoutWorkspace(code), ...freeCode }))
  await into.bulkInsert('coupon_codes', free, 'ignore')
}

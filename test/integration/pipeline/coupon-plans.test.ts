import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openStore } from '#platform/store/open-store.ts'
import { insertCodes, moveCodes, savePool } from '../../../src/action/coupons/coupon-rows.ts'
import { openDraw } from '../../../src/action/coupons/draw-codes.ts'
import { noteRedeemed, redeemCode } from '../../../src/action/coupons/redeem-codes.ts'
import { giveBackExpired, settleCodes } from '../../../src/action/coupons/settle-codes.ts'
import type { MessageRow } from '../../../src/action/message-rows.ts'
import { collectStatements, wideReads } from './query-plans.ts'

test('nothing that codes go through reads more of them than it names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-coupon-plans-'))
  const file = join(folder, 'store.db')
  const store = await openStore({ file })
  const collector = collectStatements()
  await store.transaction(async (tx) => {
    const db = tx.workspace('main')
    await savePool(db, { poolId: 'spring', name: '', expiresAt: 1000, holdMs: 10, redemptionsMax: 2 }, 0)
    await insertCodes(db, 'spring', ['A', 'B', 'C', 'D'])
    const drawers = ['m1', 'm2', 'm3'].map((holder) => ({ holder, customerId: 'ada', poolId: 'spring' }))
    const draw = await openDraw(db, drawers, 0)
    for (const drawer of drawers) draw.take(drawer)
    await draw.save()
    const settled = [
      { message_id: 'm1', state: 'sent', coupon_code: 'A' },
      { message_id: 'm2', state: 'failed', coupon_code: 'B' },
    ] as MessageRow[]
    await settleCodes(db, settled, 1)
    expect(await redeemCode(db, { code: 'A', customerId: '' }, 2)).toMatchObject({ kind: 'redeemed' })
    await noteRedeemed(db, [{ code: 'D', customerId: 'bob', at: 2 }])
    await moveCodes(db, 'bob', 'ada')
    expect(await giveBackExpired(db, 10, 5)).toBe(1)
  })
  const statements = collector.stop().filter((text) => text.includes('coupon_codes'))
  await store.close()
  expect(statements.length).toBeGreaterThan(10)
  const database = new DatabaseSync(file)
  const wide = statements.flatMap((text) => wideReads(database, text).map((detail) => `${detail} ${text}`))
  database.close()
  rmSync(folder, { recursive: true })
  expect(wide).toEqual([])
})

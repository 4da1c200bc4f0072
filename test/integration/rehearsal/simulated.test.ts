import { afterAll, beforeAll, expect, test } from 'vitest'
import { importCodes, saveCouponPool } from '../../../src/pipeline/change-coupons.ts'
import { rehearse } from '../../../src/pipeline/rehearsal/rehearse.ts'
import { rehearseShop } from '../../../src/pipeline/rehearsal/rehearse-shop.ts'
import { day, type EngineWorld, hour, openEngineWorld, start, welcomeFile } from '../pipeline/engine-world.ts'

let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld('')
})
afterAll(() => world.close())

const request = { workspace: 'main', days: 3, customers: 40, seed: 3 }
const parts = () => {
  const { store, settings } = world.engine.parts
  return { store, now: world.clock.now(), settings }
}

test('a workspace without history is told so', async () => {
  expect(await rehearse(parts(), { workspace: 'main', days: 3 })).toMatchObject({ kind: 'refused' })
  expect(await rehearse(parts(), { workspace: 'nobody', days: 3 })).toMatchObject({ kind: 'refused' })
})

test('a planted shop is played instead, the same for a seed, and is called a simulation', async () => {
  const [one, two] = [await rehearseShop(parts(), request), await rehearseShop(parts(), request)]
  if (one.kind === 'refused' || two.kind === 'refused') throw new Error('refused')
  expect([one.over, one.recorded, one.exact]).toEqual(['simulation', null, null])
  expect(one.rehearsed.decisions).toBeGreaterThan(5)
  expect(one.rehearsed).toEqual(two.rehearsed)
  expect(one.notes.join()).toContain('of nobody real')
  expect(await world.rows('decisions')).toEqual([])
})

test('codes are there to give, and what is not known without a holdout is not predicted', async () => {
  const pool = { poolId: 'spring', name: '', expiresAt: start + day, holdMs: hour, redemptionsMax: 0 }
  const change = { workspace: 'main', actor: 'ann' }
  await saveCouponPool(world.engine.parts, { ...change, pool })
  const codes = Array.from({ length: 100 }, (_, i) => `CODE${i}`)
  await importCodes(world.engine.parts, { ...change, poolId: 'spring', codes })
  const text = welcomeFile()
    .replace('{ event: Signed Up }', '{ event: Product Added }')
    .replace('value: 10 }', 'value: 10, couponPool: spring }')
  const result = await rehearseShop(parts(), { ...request, days: 2, wish: { kind: 'file', text } })
  if (result.kind === 'refused') throw new Error(result.detail)
  expect(result.rehearsed.byTreatment.map(({ treatmentId }) => treatmentId)).toEqual(['tea/email'])
  expect(result.rehearsed.sends).toBeGreaterThan(0)
  expect((await world.rows('coupon_codes')).every(({ state }) => state === 'available')).toBe(true)
  expect(result.predictions).toMatchObject([{ campaignId: 'welcome', rehearsed: null }])
})

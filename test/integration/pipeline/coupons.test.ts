import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  importCodes,
  redeem,
  reserveForCustomer,
  saveCouponPool,
} from '../../../src/pipeline/change-coupons.ts'
import { keepHouse } from '../../../src/pipeline/keep-house.ts'
import { mergeCustomer } from '../../../src/pipeline/merge-customer.ts'
import {
  customer,
  day,
  differencesIn,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  start,
  track,
} from './engine-world.ts'

const treatment = (offer: string) =>
  `{ offer: ${offer}, channel: email, variants: [{ id: a, template: code }] }`
const campaign = (id: string, event: string, offer: string) => `
  - id: ${id}
    name: ${id}
    goal: order
    trigger: { event: ${event} }
    holdout: 0
    policy: { kind: fixed-split, experiment: ${id} }
    treatments: [${treatment(offer)}]`
const file = `
goals: [{ id: order, event: Order Completed, windowHours: 48 }]
offers:
  - { id: tea, name: Tea, value: 10, couponPool: spring }
  - { id: milk, name: Milk, value: 10 }
templates:
  - { id: code, channel: email, subject: Tea, text: "{{coupon.code}} until {{coupon.expiresAt}} {{links.unsubscribe}}" }
experiments:
  - { id: given, arms: [{ id: a, share: 1, control: true, treatment: tea/email }, { id: b, share: 0, treatment: tea/email }] }
  - { id: bare, arms: [{ id: a, share: 1, control: true, treatment: milk/email }, { id: b, share: 0, treatment: milk/email }] }
campaigns:${campaign('given', 'Signed Up', 'tea')}${campaign('bare', 'Left', 'milk')}
`
const expiresAt = start + 30 * day
const change = { workspace: 'main', actor: 'ann' }

let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld(null)
  await expect(world.apply(file)).rejects.toThrow(
    JSON.stringify([
      {
        field: 'offers[0].couponPool',
        detail: 'there is no pool spring: starling coupons pool spring makes one',
      },
    ]),
  )
  const pool = { poolId: 'spring', name: 'Spring', expiresAt, holdMs: hour, redemptionsMax: 2 }
  await saveCouponPool(world.engine.parts, { ...change, pool })
  const codes = ['A', 'B', 'A', 'C', 'D']
  const imported = await importCodes(world.engine.parts, { ...change, poolId: 'spring', codes })
  expect(imported).toEqual({ imported: 4, duplicates: 1 })
  await world.apply(file)
  await world.take(identify('ada'), identify('bob'), track('ada', 'Signed Up', 's1'))
  await world.decide()
  await world.send()
})
afterAll(async () => {
  expect(await differencesIn(world)).toEqual([])
  await world.close()
})

const codesOf = async (userId: string) =>
  (await world.rows('coupon_codes'))
    .filter((row) => row.customer_id === customer(userId))
    .map((row) => `${row.code} ${row.state}`)

test('a message says its code and until when it is good', async () => {
  const [mail] = await world.rows('outbox')
  expect(mail?.text).toMatch(/^A until 2026-07-02T12:00:00\.000Z /)
  expect(await codesOf('ada')).toEqual(['A given'])
  expect((await world.rows('messages'))[0]?.coupon_code).toBe('A')
})

test('a template that says a code is not drawn where its offer gives none', async () => {
  await world.take(track('bob', 'Left', 'l1'))
  await world.decide()
  expect(await world.messagesOf('bob')).toEqual([])
})

test('the event of a shop uses a code up, once', async () => {
  const redeemed = (messageId: string, user: string, code: unknown) =>
    track(user, 'Coupon Redeemed', messageId, { properties: { code } })
  await world.take(redeemed('r1', 'ada', 'A'), redeemed('r2', 'bob', 'A'), redeemed('r3', 'bob', 7))
  await world.decide()
  expect(await codesOf('ada')).toEqual(['A redeemed'])
  expect(await codesOf('bob')).toEqual([])
  const again = { workspace: 'main', code: 'A', customer: 'ada' }
  expect(await redeem(world.engine.parts, again)).toEqual({ kind: 'refused', reason: 'redeemed' })
})

test('what an app reserves goes back when it is not redeemed in time', async () => {
  const { parts } = world.engine
  const asked = { workspace: 'main', poolId: 'spring', key: 'basket-7', customer: 'bob' }
  const reserved = { kind: 'reserved', coupon: { code: 'B', expiresAt } }
  expect(await reserveForCustomer(parts, asked)).toEqual(reserved)
  expect(await reserveForCustomer(parts, asked)).toEqual(reserved)
  expect(await codesOf('bob')).toEqual(['B reserved'])
  await keepHouse(parts.store, 'main', { now: start + hour, eventsKeepDays: 400 })
  expect(await codesOf('bob')).toEqual([])
})

test('codes move with their customer', async () => {
  const { store } = world.engine.parts
  await store.transaction((tx) =>
    mergeCustomer(tx.workspace('main'), customer('ada'), customer('bob'), start),
  )
  expect(await codesOf('bob')).toEqual(['A redeemed'])
})

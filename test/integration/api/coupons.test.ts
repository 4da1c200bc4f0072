import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

let world: DoorWorld
const expiresAt = '2040-06-01T00:00:00.000Z'
beforeAll(async () => {
  world = await openDoorWorld()
})
afterAll(() => world.close())

const counts = async () =>
  (await world.call<{ items: { codes: object }[] }>('GET', '/coupon-pools')).body.items[0]?.codes

test('a pool is made, filled and listed with what has become of its codes', async () => {
  const body = { name: 'Spring', expiresAt: '2040-06-01T02:00:00+02:00', redemptionsMax: 1 }
  expect((await world.call('PUT', '/coupon-pools/spring', body)).body).toEqual({ poolId: 'spring' })
  const csv = 'code,note\nA1,x\nB2,y\nA1,z\nno good,\nC3,'
  expect((await world.call('POST', '/coupon-pools/spring/codes', csv)).body).toEqual({
    imported: 3,
    duplicates: 1,
    refused: [{ line: 5, field: 'code', detail: expect.stringContaining('no spaces') }],
  })
  expect((await world.call('POST', '/coupon-pools/spring/codes', csv)).body).toMatchObject({
    imported: 0,
    duplicates: 4,
  })
  const listed = await world.call<{ items: object[] }>('GET', '/coupon-pools')
  expect(listed.body.items).toEqual([
    {
      poolId: 'spring',
      name: 'Spring',
      expiresAt,
      holdHours: 24,
      redemptionsMax: 1,
      codes: { available: 3, reserved: 0, given: 0, redeemed: 0, expired: 0 },
    },
  ])
})

test('a code is reserved by a key, redeemed once, and one customer redeems no more than the pool allows', async () => {
  const reserve = (key: string) =>
    world.call<{ code: string }>('POST', '/coupon-pools/spring/reservations', { key, customer: 'ada' })
  expect((await reserve('k1')).body).toEqual({ code: 'A1', expiresAt })
  expect((await reserve('k1')).body).toEqual({ code: 'A1', expiresAt })
  expect((await reserve('k2')).body.code).toBe('B2')
  const redeem = (code: string) =>
    world.call<{ code: string; detail: string }>('POST', '/coupon-codes/redeem', { code, customer: 'ada' })
  expect((await redeem('C3')).body).toMatchObject({ code: 'conflict', detail: 'code C3 was given to nobody' })
  expect((await redeem('A1')).body).toEqual({ poolId: 'spring' })
  expect((await redeem('A1')).body.detail).toBe('code A1 was redeemed already')
  expect((await redeem('B2')).body.detail).toContain('one more than its pool allows')
  expect((await redeem('Z9')).status).toBe(404)
  expect((await reserve('k3')).body).toMatchObject({ code: 'conflict' })
  expect(await counts()).toEqual({ available: 1, reserved: 1, given: 0, redeemed: 1, expired: 0 })
})

test('refuses what does not fit', async () => {
  const fill = (pool: string, csv: string) => world.call('POST', `/coupon-pools/${pool}/codes`, csv)
  expect((await fill('autumn', 'code\nX')).status).toBe(404)
  expect((await fill('spring', 'codes\nX')).body).toMatchObject({ code: 'invalid_request', field: 'header' })
  expect((await world.call('PUT', '/coupon-pools/spring', { name: 'x' })).status).toBe(400)
})

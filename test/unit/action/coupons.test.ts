import { expect, test } from 'vitest'
import type { SendResult } from '#contracts/message.ts'
import type { Store } from '#platform/store/store.ts'
import { type CouponPool, insertCodes, listPools, savePool } from '../../../src/action/coupons/coupon-rows.ts'
import { openDraw } from '../../../src/action/coupons/draw-codes.ts'
import { noteRedeemed, redeemCode } from '../../../src/action/coupons/redeem-codes.ts'
import { giveBackExpired } from '../../../src/action/coupons/settle-codes.ts'
import { loadMessage } from '../../../src/action/message-rows.ts'
import {
  acme,
  calmWorld,
  createBench,
  day,
  hour,
  newMessage,
  queue,
  scriptedChannel,
  sent,
  settle,
  start,
  withStore,
} from './support.ts'

const spring: CouponPool = {
  poolId: 'spring',
  name: 'Spring',
  expiresAt: start + 30 * day,
  holdMs: hour,
  redemptionsMax: 0,
}
const permanent: SendResult = { kind: 'permanent', reason: 'no', suppress: false }
const transient: SendResult = { kind: 'transient', reason: 'later' }
const unknown: SendResult = { kind: 'unknown', reason: 'cut' }

/** A pool with these codes, and a sender whose messages hold one. */
async function open(store: Store, codes: string[], answers: SendResult[], pool: Partial<CouponPool> = {}) {
  await fill(store, codes, pool)
  const world = calmWorld()
  world.offer.couponPool = 'spring'
  const { calls, channel } = scriptedChannel((_, call) => answers[call - 1] ?? sent)
  const bench = await createBench(store, channel, world)
  const said = () => calls.map(({ messageId, text }) => `${messageId} ${text}`)
  return { ...bench, world, said }
}

async function fill(store: Store, codes: string[], pool: Partial<CouponPool> = {}): Promise<void> {
  await store.transaction(async (tx) => {
    await savePool(tx.workspace('acme'), { ...spring, ...pool }, start)
    await insertCodes(tx.workspace('acme'), 'spring', codes)
  })
}

async function counts(store: Store, now = start) {
  return (await listPools(acme(store), now))[0]?.codes
}

async function stateOf(store: Store, messageId: string): Promise<string> {
  const row = (await loadMessage(acme(store), messageId))?.message
  return `${row?.state} ${row?.reason}`.trim()
}

const none = { available: 0, reserved: 0, given: 0, redeemed: 0, expired: 0 }

test('a retry says the same code, what was sent keeps it', () =>
  withStore(async (store) => {
    const { sender, clock, said } = await open(store, ['A', 'B'], [transient, transient])
    await queue(store, [newMessage({ messageId: 'm1' })])
    await settle(sender)
    expect(await counts(store)).toEqual({ ...none, available: 1, reserved: 1 })
    for (let i = 0; i < 2; i++) {
      clock.stepTo(clock.now() + hour)
      await settle(sender)
    }
    expect(said()).toEqual(['m1 A', 'm1 A', 'm1 A'])
    expect(await counts(store)).toEqual({ ...none, available: 1, given: 1 })
  }))

test('a message that failed gives its code back, one of which nobody knows keeps it', () =>
  withStore(async (store) => {
    const { sender, said } = await open(store, ['A', 'B'], [permanent, unknown])
    for (const [i, messageId] of ['m1', 'm2', 'm3'].entries()) {
      await queue(store, [newMessage({ messageId, customerId: `c${i}` })])
      await settle(sender)
    }
    expect(said()).toEqual(['m1 A', 'm2 A', 'm3 B'])
    expect(await counts(store)).toEqual({ ...none, given: 2 })
  }))

test('a message that lapses behind a try gives its code back', () =>
  withStore(async (store) => {
    const { sender, clock, world } = await open(store, ['A'], [transient])
    await queue(store, [newMessage({ messageId: 'm1' })])
    await settle(sender)
    world.campaign.goalMet = true
    clock.stepTo(clock.now() + hour)
    await settle(sender)
    expect(await stateOf(store, 'm1')).toBe('lapsed goal-met:goal_met')
    expect(await counts(store)).toEqual({ ...none, available: 1 })
  }))

test('one of two in the same claim gets the last code; the other waits for more, and lapses at last', () =>
  withStore(async (store) => {
    const { sender, clock, said } = await open(store, ['A'], [])
    const expiresAt = start + 2 * hour
    await queue(
      store,
      ['m1', 'm2', 'm3'].map((messageId) => newMessage({ messageId, customerId: messageId, expiresAt })),
    )
    await settle(sender)
    expect(said()).toEqual(['m1 A'])
    expect(await stateOf(store, 'm2')).toBe('queued no_coupon')
    await fill(store, ['A', 'B'])
    clock.stepTo(clock.now() + hour)
    await settle(sender)
    expect(said()).toEqual(['m1 A', 'm2 B'])
    clock.stepTo(expiresAt)
    await settle(sender)
    expect(await stateOf(store, 'm3')).toBe('lapsed no_coupon')
    expect(await counts(store)).toEqual({ ...none, given: 2 })
  }))

test('nothing is sent from a pool that has expired, or that is not there', () =>
  withStore(async (store) => {
    const { sender, said, world } = await open(store, ['A'], [], { expiresAt: start })
    await queue(store, [newMessage({ messageId: 'm1' })])
    await settle(sender)
    world.offer.couponPool = 'autumn'
    await queue(store, [newMessage({ messageId: 'm2' })])
    await settle(sender)
    expect(said()).toEqual([])
    expect([await stateOf(store, 'm1'), await stateOf(store, 'm2')]).toEqual([
      'lapsed no_coupon',
      'lapsed no_coupon',
    ])
    expect(await counts(store)).toEqual({ ...none, expired: 1 })
  }))

test('who has redeemed as many as the pool allows gets no more', () =>
  withStore(async (store) => {
    const { sender, said } = await open(store, ['A', 'B', 'C'], [], { redemptionsMax: 1 })
    await queue(store, [newMessage({ messageId: 'm1' })])
    await settle(sender)
    await queue(store, [newMessage({ messageId: 'm2' })])
    await settle(sender)
    const redeem = (code: string) =>
      store.transaction((tx) => redeemCode(tx.workspace('acme'), { code, customerId: '' }, start))
    expect(await redeem('A')).toEqual({ kind: 'redeemed', poolId: 'spring' })
    // Given to the same customer, who has had theirs.
    expect(await redeem('B')).toEqual({ kind: 'refused', reason: 'limit' })
    await queue(store, [newMessage({ messageId: 'm3' })])
    await settle(sender)
    expect(said()).toEqual(['m1 A', 'm2 B'])
    expect(await stateOf(store, 'm3')).toBe('lapsed coupon_limit')
  }))

test('a sender that vanished leaves the code to the message that may have been sent', () =>
  withStore(async (store) => {
    const { sender, parts } = await open(store, ['A', 'B'], [])
    const { claimMessages } = await import('../../../src/action/claim-messages.ts')
    await queue(store, [newMessage({ messageId: 'm1' })])
    const { claimed } = await store.transaction((tx) => claimMessages(tx, 'acme', 1, parts, []))
    expect(claimed.map(({ facts }) => facts.candidate.coupon)).toEqual([
      { code: 'A', expiresAt: spring.expiresAt },
    ])
    await store.transaction((tx) => giveBackExpired(tx.workspace('acme'), start + day, 10))
    expect(await counts(store)).toEqual({ ...none, available: 1, reserved: 1 })
    await sender.recover()
    expect(await counts(store)).toEqual({ ...none, available: 1, given: 1 })
  }))

test('a reservation that ran out goes back, one that was asked for again holds longer', () =>
  withStore(async (store) => {
    await fill(store, ['A', 'B'])
    const reserve = (holder: string, now: number) =>
      store.transaction(async (tx) => {
        const drawer = { holder, customerId: '', poolId: 'spring' }
        const draw = await openDraw(tx.workspace('acme'), [drawer], now)
        const drawn = draw.take(drawer)
        await draw.save()
        return drawn.kind === 'code' ? drawn.coupon.code : drawn.reason
      })
    const giveBack = (now: number) =>
      store.transaction((tx) => giveBackExpired(tx.workspace('acme'), now, 10))
    expect([await reserve('key:1', start), await reserve('key:2', start)]).toEqual(['A', 'B'])
    expect(await reserve('key:3', start)).toBe('no_coupon')
    expect(await reserve('key:2', start + hour / 2)).toBe('B')
    expect(await giveBack(start + hour - 1)).toBe(0)
    expect(await giveBack(start + hour)).toBe(1)
    expect(await reserve('key:3', start + hour)).toBe('A')
    expect(await giveBack(start + 1.5 * hour)).toBe(1)
  }))

test('a code is redeemed once: by a till that asks, or as a shop tells it', () =>
  withStore(async (store) => {
    const { sender } = await open(store, ['A', 'B', 'C'], [])
    await queue(
      store,
      ['m1', 'm2'].map((messageId) => newMessage({ messageId })),
    )
    await settle(sender)
    const redeem = (code: string, now = start) =>
      store.transaction((tx) => redeemCode(tx.workspace('acme'), { code, customerId: 'bob' }, now))
    expect(await redeem('A')).toEqual({ kind: 'redeemed', poolId: 'spring' })
    expect(await redeem('A')).toEqual({ kind: 'refused', reason: 'redeemed' })
    expect(await redeem('C')).toEqual({ kind: 'refused', reason: 'not_given' })
    expect(await redeem('D')).toEqual({ kind: 'refused', reason: 'unknown' })
    expect(await redeem('B', spring.expiresAt)).toEqual({ kind: 'refused', reason: 'expired' })
    const told = ['A', 'B', 'B', 'C', 'D'].map((code, i) => ({ code, customerId: `c${i}`, at: start + i }))
    await store.transaction((tx) => noteRedeemed(tx.workspace('acme'), told))
    const rows = await acme(store).selectFrom('coupon_codes').selectAll('coupon_codes').execute()
    const shown = rows.map((row) => [row.code, row.state, row.customer_id, row.redeemed_at])
    // C had been given to nobody: whoever got hold of it, it is used up.
    expect(shown.sort()).toEqual([
      ['A', 'redeemed', 'bob', start],
      ['B', 'redeemed', 'c1', start + 1],
      ['C', 'redeemed', 'c3', start + 3],
    ])
  }))

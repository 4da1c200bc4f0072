import { afterEach, expect, test } from 'vitest'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { importCodes, saveCouponPool } from '../../../src/pipeline/change-coupons.ts'
import { cadenceFile } from '../cadence/cadence-file.ts'
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
  welcomeFile,
} from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

const breakIt = (work: (db: WorkspaceDb) => Promise<unknown>) =>
  world.engine.parts.store.transaction((tx) => work(tx.workspace('main')))

async function found(check: string, repair = false): Promise<string[]> {
  const all = await differencesIn(world, repair)
  return all
    .map((own) => `${own.check === check ? '' : own.check}${own.repaired ? '✓ ' : ''}${own.detail}`)
    .sort()
}

async function signUp(...userIds: string[]): Promise<void> {
  await world.take(...userIds.map((id) => track(id, 'Signed Up', `s-${id}-${world.clock.now()}`)))
  await world.engine.drain()
}

test('a journey stands where its steps have brought it, or a repair has it go on from there', async () => {
  world = await openEngineWorld(cadenceFile())
  await world.take(identify('ann'), identify('bob'), identify('cid'))
  await signUp('ann', 'bob', 'cid')
  expect(await found('journeys')).toEqual([])
  const of = (db: WorkspaceDb, userId: string) =>
    db.updateTable('journeys').where('journeys.customer_id', '=', customer(userId))
  await breakIt(async (db) => {
    await of(db, 'ann').set({ due_at: null, steps_passed: 7 }).execute()
    await of(db, 'bob').set({ is_newest: 0 }).execute()
    await of(db, 'cid').set({ state: 'completed' }).execute()
  })
  const broken = [
    'counts 7 steps, and 1 were passed',
    'is completed and goes on',
    'is completed and has not ended',
    'is the newest, and is not said to be',
    'would never go on',
  ]
  expect(await found('journeys')).toEqual(broken)
  const isForPeople = (detail: string) => detail.startsWith('is completed')
  const told = broken.map((detail) => (isForPeople(detail) ? detail : `✓ ${detail}`)).sort()
  expect(await found('journeys', true)).toEqual(told)
  expect(await found('journeys')).toEqual(broken.filter(isForPeople))
  world.clock.stepTo(start + 2 * day)
  await world.engine.drain()
  const steps = (await world.rows('journey_steps')).filter((row) => row.customer_id === customer('ann'))
  steps.sort((a, b) => a.sequence - b.sequence)
  expect(steps.map((row) => row.step_id)).toEqual(['hello', 'two-days', 'looked', 'nudge'])
})

test('a code that was sent is given to that message and to no other', async () => {
  const file = welcomeFile().replace('value: 10 }', 'value: 10, couponPool: spring }')
  world = await openEngineWorld(null)
  const change = { workspace: 'main', actor: 'ann' }
  const pool = { poolId: 'spring', name: 'Spring', expiresAt: start + day, holdMs: hour, redemptionsMax: 0 }
  await saveCouponPool(world.engine.parts, { ...change, pool })
  await importCodes(world.engine.parts, { ...change, poolId: 'spring', codes: ['A', 'B', 'C', 'D', 'E'] })
  await world.apply(file.replace('Tea? {{', 'Tea? {{coupon.code}} {{'))
  await world.take(...['ann', 'bob', 'cid', 'dan'].map((id) => identify(id)))
  await signUp('ann', 'bob', 'cid', 'dan')
  expect(await found('codes')).toEqual([])
  const codes = await world.rows('coupon_codes')
  const codeOf = (userId: string) => codes.find((row) => row.customer_id === customer(userId))!
  const [ann, bob, cid, dan] = ['ann', 'bob', 'cid', 'dan'].map(codeOf)
  const of = (db: WorkspaceDb, code: string) =>
    db.updateTable('coupon_codes').where('coupon_codes.code', '=', code)
  const free = codes.find((row) => row.state === 'available')!
  await breakIt(async (db) => {
    // As if the result of the send had been lost, the reservation with it, and another's had taken its place.
    await of(db, ann!.code).set({ state: 'reserved' }).execute()
    const { code: _, workspace: _own, pool_id: __, ...freed } = free
    await of(db, bob!.code).set(freed).execute()
    await of(db, cid!.code).set({ holder: 'nobody' }).execute()
    await of(db, dan!.code).set({ state: 'reserved' }).execute()
    await db
      .updateTable('messages')
      .set({ state: 'lapsed' })
      .where('messages.message_id', '=', dan!.holder)
      .execute()
    await db
      .deleteFrom('message_transitions')
      .where('message_transitions.message_id', '=', dan!.holder)
      .where('message_transitions.state', '=', 'sent')
      .execute()
  })
  const own = async (repair = false) =>
    (await differencesIn(world, repair))
      .filter(({ check }) => check === 'codes')
      .map(({ id, detail, repaired }) => `${id}${repaired ? ' ✓' : ''} ${detail}`)
      .sort()
  const broken = (tick: string) =>
    [
      `${ann!.code}${tick} is reserved by ${ann!.holder}, which is sent`,
      `${bob!.code}${tick} was said to ${customer('bob')} by ${bob!.holder}, and is available`,
      `${cid!.code} is held by nobody, which is not kept`,
      `${cid!.code} was said to ${customer('cid')} by ${cid!.holder}, and is given, held by nobody`,
      `${dan!.code}${tick} is reserved by ${dan!.holder}, which is lapsed`,
    ].sort()
  expect(await own()).toEqual(broken(''))
  expect(await own(true)).toEqual(broken(' ✓'))
  expect(await own()).toHaveLength(2)
  const after = (await world.rows('coupon_codes')).map((row) => [row.code, row.state, row.holder])
  expect(after).toContainEqual([ann!.code, 'given', ann!.holder])
  expect(after).toContainEqual([bob!.code, 'given', bob!.holder])
  expect(after).toContainEqual([dan!.code, 'available', ''])
})

test('what an account got is counted against its cap, from when its customers belonged to it', async () => {
  const cap = 'frequencyCaps: [{ sendsMax: 1, window: { hours: 24 }, per: account }]'
  world = await openEngineWorld(welcomeFile({ campaign: cap }))
  const group = (userId: string, more: object = {}) => ({ type: 'group', userId, groupId: 'acme', ...more })
  await world.take(...['ann', 'bob', 'cid', 'dan'].map((id) => identify(id)))
  await world.take(group('ann', { messageId: 'g1' }), group('bob', { messageId: 'g2' }))
  // The caps bind from the launch on.
  world.clock.stepTo(start + hour)
  await signUp('cid')
  await signUp('ann')
  // Told late, of a time before: nobody knew it when the mails went out.
  const late = { messageId: 'g3', timestamp: new Date(start - day).toISOString() }
  await world.take(group('cid', late), group('dan', { ...late, messageId: 'g4' }))
  await world.engine.drain()
  world.clock.stepTo(start + 20 * hour)
  await signUp('bob')
  expect((await world.rows('outbox')).map((row) => row.address.split('@')[0])).toEqual(['cid', 'ann'])
  world.clock.stepTo(start + 30 * hour)
  await signUp('bob')
  expect(await found('account-caps')).toEqual([])
  await breakIt((db) =>
    db
      .updateTable('messages')
      .set({ sending_at: start + 12 * hour })
      .where('messages.customer_id', '=', customer('bob'))
      .where('messages.state', '=', 'sent')
      .execute(),
  )
  expect((await differencesIn(world)).filter(({ check }) => check === 'account-caps')).toMatchObject([
    { detail: '3 sends where welcome’s cap allows 1 in 24 hours to acme', repaired: false },
  ])
})

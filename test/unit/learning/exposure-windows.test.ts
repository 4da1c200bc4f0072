import { describe, expect, test } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import { attribute } from '../../../src/learning/attribution.ts'
import { closeWindows } from '../../../src/learning/close-windows.ts'
import {
  insertExposures,
  loadExposures,
  moveExposures,
  updateExposureStates,
} from '../../../src/learning/exposure-rows.ts'
import { loadRewardsAfter } from '../../../src/learning/reward-rows.ts'
import { settlesAt } from '../../../src/learning/settling.ts'
import { exposureRow, openTestStore, workspace, write } from './learning-store.ts'

function rewardsOf(store: Store) {
  return loadRewardsAfter(store.read.workspace(workspace), 0, 1000)
}

describe('closing', () => {
  test('an exposure settles once, teaches one 0, and not before its time and the grace', async () => {
    const store = await openTestStore()
    await write(store, (db) => insertExposures(db, [exposureRow({ settles_at: 2000, window_ends_at: 9000 })]))
    const close = (now: number) =>
      write(store, (db) => closeWindows(db, { now, closeGraceMs: 100, limit: 10 }))
    expect(await close(2100)).toBe(0)
    expect(await close(2101)).toBe(1)
    expect(await close(9000)).toBe(0)
    expect(await rewardsOf(store)).toEqual([
      expect.objectContaining({
        workspace,
        decision_id: 'd1',
        campaign_id: 'spring',
        decision_day_utc: 20_000,
        head: 'shoes/email',
        kind: 'reward',
        y: 0,
        created_at: 2101,
      }),
    ])
  })

  test('many exposures settle in bounded calls, in the order of their times, each exactly once', async () => {
    const store = await openTestStore()
    const rows = Array.from({ length: 95 }, (_, i) =>
      exposureRow({ decision_id: `d${String(i).padStart(3, '0')}`, settles_at: 2000 + ((i * 37) % 95) }),
    )
    await write(store, (db) => insertExposures(db, rows))
    const counts: number[] = []
    do counts.push(await write(store, (db) => closeWindows(db, { now: 5000, closeGraceMs: 0, limit: 30 })))
    while (counts.at(-1) !== 0)
    expect(counts).toEqual([30, 30, 30, 5, 0])
    const expected = rows.toSorted((a, b) => a.settles_at - b.settles_at).map((row) => row.decision_id)
    expect((await rewardsOf(store)).map((row) => row.decision_id)).toEqual(expected)
  })

  test('what was told of is left alone, and so are other tenants', async () => {
    const store = await openTestStore()
    await write(store, (db) =>
      insertExposures(db, [
        exposureRow({ decision_id: 'open' }),
        exposureRow({ decision_id: 'paid', state: 'credited' }),
      ]),
    )
    await store.transaction((tx) =>
      insertExposures(tx.workspace('other'), [exposureRow({ decision_id: 'theirs' })]),
    )
    expect(await write(store, (db) => closeWindows(db, { now: 5000, closeGraceMs: 0, limit: 10 }))).toBe(1)
    expect((await rewardsOf(store)).map((row) => row.decision_id)).toEqual(['open'])
    const theirs = await loadExposures(store.read.workspace('other'), ['c1'])
    expect(theirs.map((row) => row.state)).toEqual(['open'])
  })

  test('a conversion and its absence are told of at the same age', async () => {
    const store = await openTestStore()
    const rows = ['a', 'b'].map((decision_id) => exposureRow({ decision_id }))
    await write(store, (db) => insertExposures(db, rows))
    await write(store, (db) => updateExposureStates(db, [{ ...rows[0]!, state: 'converted' }]))
    const close = (now: number) => write(store, (db) => closeWindows(db, { now, closeGraceMs: 0, limit: 10 }))
    expect(await close(2000)).toBe(0)
    expect(await rewardsOf(store)).toEqual([])
    expect(await close(2001)).toBe(2)
    const told = (await rewardsOf(store)).map(({ decision_id, kind, y }) => [decision_id, kind, y])
    expect(told).toEqual([
      ['a', 'reward', 1],
      ['b', 'reward', 0],
    ])
    const states = await loadExposures(store.read.workspace(workspace), ['c1'])
    expect(states.map(({ state }) => state)).toEqual(['credited', 'closed'])
    expect(settlesAt(1000, 500)).toBe(1500)
    expect(settlesAt(1000, 30 * 86_400_000)).toBe(1000 + 86_400_000)
  })

  test('of one decision, the campaign that has not settled stays open', async () => {
    const store = await openTestStore()
    const [short, long] = [
      exposureRow({ campaign_id: 'short', head: 'nothing' }),
      exposureRow({ campaign_id: 'long', head: 'nothing', settles_at: 9000 }),
    ]
    await write(store, (db) => insertExposures(db, [short, long]))
    expect(await write(store, (db) => closeWindows(db, { now: 5000, closeGraceMs: 0, limit: 10 }))).toBe(1)
    const states = await loadExposures(store.read.workspace(workspace), ['c1'])
    expect(states.map((row) => [row.campaign_id, row.state])).toEqual([
      ['long', 'open'],
      ['short', 'closed'],
    ])
  })

  test('a close that is rolled back closes nothing', async () => {
    const store = await openTestStore()
    await write(store, (db) => insertExposures(db, [exposureRow({})]))
    await expect(
      write(store, async (db) => {
        await closeWindows(db, { now: 5000, closeGraceMs: 0, limit: 10 })
        throw new Error('power cut')
      }),
    ).rejects.toThrow('power cut')
    expect(await rewardsOf(store)).toEqual([])
    expect(await write(store, (db) => closeWindows(db, { now: 5000, closeGraceMs: 0, limit: 10 }))).toBe(1)
  })
})

test('a conversion after the close corrects, and only once', async () => {
  const store = await openTestStore()
  await write(store, (db) => insertExposures(db, [exposureRow({})]))
  await write(store, (db) => closeWindows(db, { now: 5000, closeGraceMs: 0, limit: 10 }))
  const late = { goalId: 'purchase', occurredAt: 1500 }
  const states: (string | undefined)[] = []
  for (let i = 0; i < 2; i += 1) {
    await write(store, async (db) => {
      const credit = attribute(await loadExposures(db, ['c1']), late)
      states.push(credit?.state)
      if (credit !== null) await updateExposureStates(db, [{ ...credit.exposure, state: credit.state }])
    })
  }
  expect(states).toEqual(['corrected', undefined])
})

test('exposures are loaded by customer, oldest first, and move with a merge; a second insert changes nothing', async () => {
  const store = await openTestStore()
  const rows = [
    exposureRow({ decision_id: 'd2', exposed_at: 1500, window_ends_at: 3000 }),
    exposureRow({ decision_id: 'd1', exposed_at: 1000, state: 'credited' }),
    exposureRow({ decision_id: 'd3', customer_id: 'c2' }),
  ]
  await write(store, (db) => insertExposures(db, rows))
  await write(store, (db) => insertExposures(db, [exposureRow({ decision_id: 'd1', state: 'open' })]))
  const db = store.read.workspace(workspace)
  expect(await loadExposures(db, ['c1'])).toEqual([rows[1], rows[0]])
  expect(await loadExposures(db, ['c1'], 2500)).toEqual([rows[0]])
  expect(await loadExposures(db, [])).toEqual([])
  expect(await write(store, (tx) => moveExposures(tx, 'c1', 'c2'))).toBe(2)
  expect((await loadExposures(db, ['c2'])).map((row) => row.decision_id)).toEqual(['d1', 'd3', 'd2'])
})

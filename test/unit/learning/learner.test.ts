import { describe, expect, test } from 'vitest'
import { headKey } from '#contracts/decision.ts'
import { variantKey } from '#contracts/stages.ts'
import type { Store } from '#platform/store/store.ts'
import { createBayesianHeads } from '../../../src/learning/bayesian-head.ts'
import { addToMoments } from '../../../src/learning/feature-moments.ts'
import { decodeState, emptyState, encodeState } from '../../../src/learning/learner-state.ts'
import { predictiveScale } from '../../../src/learning/predictive-scale.ts'
import { insertRewards } from '../../../src/learning/reward-rows.ts'
import {
  ensureSnapshotFor,
  insertSnapshot,
  latestSnapshot,
  loadSnapshot,
  snapshotRow,
} from '../../../src/learning/snapshot-rows.ts'
import {
  addRewards,
  campaignSpec,
  createRecords,
  learnAll,
  openTestStore,
  rewardRow,
  stateRow,
  testLearner,
  workspace,
  write,
} from './learning-store.ts'

const shoes = headKey('spring', 'shoes/email')

test('learns each head from its own rewards, as the head alone would', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  const rows = await addRewards(store, records, { count: 250, seed: 1, corrections: true })
  await learnAll(testLearner(store, records))
  const heads = createBayesianHeads(64)
  const alone = heads.create()
  const own = rows.filter((row) => row.head === 'shoes/email')
  const encoded = await records.ports.loadRecords(
    store.read.workspace(workspace),
    own.map((row) => row.decision_id),
  )
  for (const row of own) {
    const { features } = records.ports.decodeFeatures(encoded.get(row.decision_id)!)
    if (row.kind === 'correction') heads.correct(alone, features)
    else heads.teach(alone, features, row.y)
  }
  const row = (await stateRow(store))!
  const state = decodeState(row.state)
  expect(row.cursor).toBe(rows.length)
  expect(state.rewards).toBe(250)
  expect(state.corrections).toBe(rows.length - 250)
  expect(state.corrections).toBeGreaterThan(5)
  const learned = state.heads.get(shoes)!
  expect(learned.model).toEqual(alone)
  expect(learned.rewards).toBe(125)
  expect(learned.positives).toBe(own.filter((reward) => reward.y === 1).length)
})

describe('exactly once', () => {
  const corrections = true

  test('restarted after every step, the state is byte for byte that of an uninterrupted run', async () => {
    const states = []
    for (const restarts of [false, true]) {
      const [store, records] = [await openTestStore(), createRecords()]
      await addRewards(store, records, { count: 900, seed: 4, corrections })
      const options = restarts ? { rewardsPerStep: 37 } : {}
      let learner = testLearner(store, records, options)
      while ((await learner.step(workspace)).rewards > 0)
        if (restarts) learner = testLearner(store, records, options)
      const snapshot = await latestSnapshot(store.read.workspace(workspace))
      states.push({ row: await stateRow(store), snapshot })
    }
    expect(states[0]).toEqual(states[1])
    expect(states[0]?.snapshot?.snapshotId).toBe('s0000000004')
  })

  test('a transaction that fails leaves nothing behind, in the store or in memory', async () => {
    const [store, records] = [await openTestStore(), createRecords()]
    await addRewards(store, records, { count: 500, seed: 4, corrections })
    let failing = true
    const learner = testLearner(store, records, {
      onPublished: async () => {
        if (failing) throw new Error('power cut')
      },
    })
    await expect(learner.step(workspace)).rejects.toThrow('power cut')
    expect(await stateRow(store)).toBeUndefined()
    expect(await latestSnapshot(store.read.workspace(workspace))).toBeNull()
    failing = false
    expect((await learner.step(workspace)).published).toBe('s0000000001')
    const committed = await stateRow(store)
    failing = true
    await expect(learner.step(workspace)).rejects.toThrow('power cut')
    expect(await stateRow(store)).toEqual(committed)
    failing = false
    expect(await learnAll(learner)).toEqual(['s0000000002'])
    expect(await stateRow(store)).toEqual(await uninterrupted(500))
  })

  test('two learners side by side never learn a reward twice', async () => {
    const [store, records] = [await openTestStore(), createRecords()]
    await addRewards(store, records, { count: 700, seed: 4, corrections })
    const learners = [1, 2].map(() => testLearner(store, records, { rewardsPerStep: 41 }))
    let [taken, lost] = [0, 0]
    for (;;) {
      const steps = await Promise.all(learners.map((learner) => learner.step(workspace)))
      const rewards = steps.reduce((sum, step) => sum + step.rewards, 0)
      taken += rewards
      if (rewards === 0) break
      lost += steps.filter((step) => step.rewards === 0).length
    }
    expect(lost).toBeGreaterThan(5)
    const row = (await stateRow(store))!
    expect(taken).toBe(row.cursor)
    expect(row).toEqual(await uninterrupted(700))
  })

  test('one that was paused over a commit of another gives way and goes on from there', async () => {
    const [store, records] = [await openTestStore(), createRecords()]
    await addRewards(store, records, { count: 300, seed: 4, corrections })
    const paused = testLearner(store, records, { rewardsPerStep: 20 })
    await paused.step(workspace)
    await testLearner(store, records, { rewardsPerStep: 33 }).step(workspace)
    await learnAll(paused)
    expect(await stateRow(store)).toEqual(await uninterrupted(300))
  })

  async function uninterrupted(count: number) {
    const [store, records] = [await openTestStore(), createRecords()]
    await addRewards(store, records, { count, seed: 4, corrections })
    await learnAll(testLearner(store, records))
    return await stateRow(store)
  }
})

describe('publishing', () => {
  test('cold: exactly every 200 rewards; t is one more than the rewards in it; readers are told inside', async () => {
    const [store, records] = [await openTestStore(), createRecords()]
    await addRewards(store, records, { count: 650, seed: 2, corrections: true })
    const told: (string | undefined)[] = []
    const learner = testLearner(store, records, {
      onPublished: async (tx, name) => {
        expect(name).toBe(workspace)
        told.push((await latestSnapshot(tx.workspace(name)))?.snapshotId)
      },
    })
    const published = await learnAll(learner)
    expect(published).toEqual(['s0000000001', 's0000000002', 's0000000003'])
    expect(told).toEqual(published)
    const db = store.read.workspace(workspace)
    const snapshots = await Promise.all(published.map((id) => loadSnapshot(db, id)))
    expect(snapshots.map((snapshot) => snapshot?.t)).toEqual([201, 401, 601])
    expect(snapshots.map((snapshot) => snapshot?.manifest.parent)).toEqual(['', 's0000000001', 's0000000002'])
    const heads = snapshots[2]?.manifest.heads
    expect(heads?.map(({ head, rewards }) => [head, rewards])).toEqual([
      ['nothing', 300],
      ['shoes/email', 300],
    ])
    expect(heads?.every(({ meanReward }) => meanReward! > 0.1 && meanReward! < 0.4)).toBe(true)
  })

  test('a published snapshot never changes while learning goes on', async () => {
    const [store, records] = [await openTestStore(), createRecords()]
    await addRewards(store, records, { count: 200, seed: 2 })
    const learner = testLearner(store, records)
    await learnAll(learner)
    const db = store.read.workspace(workspace)
    const before = await loadSnapshot(db, 's0000000001')
    const weights = before?.heads.get(shoes)?.slice()
    expect(weights?.some((weight) => weight !== 0)).toBe(true)
    await addRewards(store, records, { count: 300, seed: 3 })
    await learnAll(learner)
    expect(before?.heads.get(shoes)).toEqual(weights)
    expect(await loadSnapshot(db, 's0000000001')).toEqual(before)
    expect((await latestSnapshot(db))?.heads.get(shoes)).not.toEqual(weights)
  })

  test('warm: at most one in the interval of wall clock, also across a restart, and none without news', async () => {
    const [store, records] = [await openTestStore(), createRecords()]
    let now = 1_000_000
    const options = { wallClock: { now: () => now }, coldRewards: 400, rewardsPerStep: 100 }
    let learner = testLearner(store, records, options)
    await addRewards(store, records, { count: 1000, seed: 2 })
    // At 200 and 400 while cold; from then on the interval runs.
    expect(await learnAll(learner)).toEqual(['s0000000001', 's0000000002'])
    now += 59_999
    await addRewards(store, records, { count: 10, seed: 3 })
    learner = testLearner(store, records, options)
    expect(await learnAll(learner)).toEqual([])
    now += 1
    expect(await learner.step(workspace)).toEqual({ rewards: 0, published: 's0000000003' })
    now += 100_000
    expect(await learner.step(workspace)).toEqual({ rewards: 0, published: null })
    const latest = await latestSnapshot(store.read.workspace(workspace))
    expect(latest?.t).toBe(1011)
  })

  test('the bound stays what the launch made it', async () => {
    const [store, records] = [await openTestStore(), createRecords()]
    await write(store, (db) =>
      ensureSnapshotFor(db, campaignSpec('spring', { treatments: [['shoes/email', 7e6]] }), 1),
    )
    await addRewards(store, records, { count: 200, seed: 2 })
    expect(await learnAll(testLearner(store, records))).toEqual(['s0000000002'])
    expect((await latestSnapshot(store.read.workspace(workspace)))?.boundMicros).toBe(7e6)
  })

  test('a launch that comes between learning and writing is kept, and nothing is learned twice', async () => {
    const [store, records] = [await openTestStore(), createRecords()]
    await addRewards(store, records, { count: 200, seed: 2 })
    let launched = false
    const learner = testLearner(store, records, {
      async loadRecords(db, ids) {
        if (!launched) await write(store, (tx) => ensureSnapshotFor(tx, campaignSpec('spring'), 1))
        launched = true
        return await records.ports.loadRecords(db, ids)
      },
    })
    expect(await learner.step(workspace)).toEqual({ rewards: 0, published: null })
    expect(await learner.step(workspace)).toEqual({ rewards: 200, published: 's0000000002' })
    const latest = await latestSnapshot(store.read.workspace(workspace))
    expect(latest?.manifest.campaigns).toEqual([{ campaignId: 'spring', goalId: 'purchase' }])
  })
})

test('a snapshot holds the weights times κ, by what customers look like; the state keeps them as they are', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  await addRewards(store, records, { count: 200, seed: 1 })
  await learnAll(testLearner(store, records))
  const { heads, moments } = decodeState((await stateRow(store))!.state)
  expect(moments.count).toBe(200)
  // Every customer has the constant.
  expect(moments.sums[0]).toBe(200)
  const { model } = heads.get(shoes)!
  const scale = predictiveScale(model, moments)
  expect(scale).toBeGreaterThan(0.5)
  expect(scale).toBeLessThan(0.98)
  const published = (await latestSnapshot(store.read.workspace(workspace)))!.heads.get(shoes)!
  for (const [i, weight] of model.weights.entries()) expect(published[i]).toBeCloseTo(scale * weight, 12)
})

test('states of versions 2, which had no moments, and 3, which forgot nothing, are read', () => {
  const state = emptyState('v1', 2)
  state.rewards = 7
  addToMoments(state.moments, Float64Array.of(1, 2))
  const written = encodeState(state)
  expect(decodeState(written)).toEqual(state)
  // What was forgotten stands last: two days, a half-life, and two empty lists.
  const forgetting = 2 * 4 + 8 + 2 * 4
  expect(decodeState(Uint8Array.of(3, ...written.slice(1, written.length - forgetting)))).toEqual(state)
  // Before that the moments: a count and 3 numbers.
  const old = Uint8Array.of(2, ...written.slice(1, written.length - forgetting - 4 * 8))
  expect(decodeState(old)).toEqual({ ...state, moments: { count: 0, sums: new Float64Array(3) } })
})

test('decisions that are erased, of other features or not finite teach nothing, and do not stop it', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  await addRewards(store, records, { count: 10, seed: 2, heads: [['spring', 'shoes/email']] })
  for (const i of [2, 5]) records.erase(`d2-${i}`)
  const broken = new Float64Array(64)
  broken[3] = Number.NaN
  records.add('d2-7', broken)
  records.add('d2-8', new Float64Array(32))
  await learnAll(testLearner(store, records))
  const row = (await stateRow(store))!
  expect(row.cursor).toBe(10)
  const state = decodeState(row.state)
  expect([state.rewards, state.skipped]).toEqual([6, 4])
  expect(state.heads.get(shoes)?.model.weights.every(Number.isFinite)).toBe(true)
})

test('what was seen of variants outlives a change of the feature schema, and stands in the snapshots', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  await addRewards(store, records, { count: 250, seed: 1 })
  const decodeFeatures: typeof records.ports.decodeFeatures = (record) => ({
    ...records.ports.decodeFeatures(record),
    variantId: 'short',
  })
  await learnAll(testLearner(store, records, { decodeFeatures }))
  const key = variantKey('spring', 'shoes/email', 'short')
  const [sends] = decodeState((await stateRow(store))!.state).stages.variants.get(key)!
  expect(sends).toBe(125)
  const rows = await addRewards(store, records, { count: 250, seed: 2 })
  const newer: typeof decodeFeatures = (record) => ({ ...decodeFeatures(record), featureSchema: 'v2' })
  await publishWithSchema(store, 'v2')
  await learnAll(testLearner(store, records, { decodeFeatures: newer }))
  const taught = rows.filter(({ head }) => head === 'shoes/email').length
  const snapshot = (await latestSnapshot(store.read.workspace(workspace)))!
  expect(snapshot.featureSchema).toBe('v2')
  expect(snapshot.variants?.get(key)?.[0]).toBeGreaterThan(sends!)
  expect(decodeState((await stateRow(store))!.state).stages.variants.get(key)![0]).toBe(sends! + taught)
})

/** As a promotion does: from here on decisions are made with these features. */
async function publishWithSchema(store: Store, featureSchema: string): Promise<void> {
  const { sequence, t, boundMicros, manifest } = (await latestSnapshot(store.read.workspace(workspace)))!
  const weights = { heads: new Map(), covariances: new Map(), variants: new Map(), sendTimes: new Map() }
  const next = { ...weights, parentSequence: sequence, t, boundMicros, publishedAt: 9 }
  const row = snapshotRow({ ...next, manifest: { ...manifest, featureSchema, heads: [], rewards: 0 } })
  await store.transaction(async (tx) => void (await insertSnapshot(tx.workspace(workspace), row)))
}

test('each tenant has its own rewards, state and snapshots', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  await addRewards(store, records, { count: 200, seed: 2 })
  const learner = testLearner(store, records)
  expect(await learner.step('other')).toEqual({ rewards: 0, published: null })
  expect(await learner.step(workspace)).toEqual({ rewards: 200, published: 's0000000001' })
  expect(await latestSnapshot(store.read.workspace('other'))).toBeNull()
})

describe('inherited heads', () => {
  test('a new campaign starts from the weights of the most experienced, with its certainty widened', async () => {
    const [store, records] = [await openTestStore(), createRecords()]
    const learner = testLearner(store, records)
    await launch(store, 'spring')
    await addRewards(store, records, { count: 2000, seed: 2 })
    await learnAll(learner)
    await launch(store, 'autumn')
    const db = store.read.workspace(workspace)
    const inherited = (await latestSnapshot(db))!
    const autumn = headKey('autumn', 'shoes/email')
    expect(inherited.heads.get(autumn)).toEqual(inherited.heads.get(shoes))
    // Other heads' rewards do not lose the inherited one, though the learner has not met it.
    await addRewards(store, records, { count: 200, seed: 3 })
    await learnAll(learner)
    expect((await latestSnapshot(db))?.heads.get(autumn)).toEqual(inherited.heads.get(autumn))

    await addRewards(store, records, { count: 1, seed: 4, heads: [['autumn', 'shoes/email']] })
    await learnAll(learner)
    const state = decodeState((await stateRow(store))!.state)
    const [own, donor] = [state.heads.get(autumn)!, state.heads.get(shoes)!]
    expect([own.rewards, own.inheritedFrom]).toEqual([1, 'spring'])
    const moved = own.model.weights.map((weight, i) => Math.abs(weight - inherited.heads.get(autumn)![i]!))
    expect(Math.max(...moved)).toBeGreaterThan(0)
    expect(Math.max(...moved)).toBeLessThan(0.5)
    expect(own.model.covariance[0]! / donor.model.covariance[0]!).toBeGreaterThan(2)
    expect(own.model.covariance[0]).toBeLessThan(0.5)
  })

  test('restarted between the launch and the first reward, the state is the same', async () => {
    const states = []
    for (const restarts of [false, true]) {
      const [store, records] = [await openTestStore(), createRecords()]
      const learner = testLearner(store, records)
      await launch(store, 'spring')
      await addRewards(store, records, { count: 400, seed: 2 })
      await learnAll(learner)
      await launch(store, 'autumn')
      await addRewards(store, records, {
        count: 30,
        seed: 4,
        heads: [
          ['autumn', 'shoes/email'],
          ['autumn', 'nothing'],
        ],
      })
      await learnAll(restarts ? testLearner(store, records, { rewardsPerStep: 7 }) : learner)
      states.push(await stateRow(store))
    }
    expect(states[0]).toEqual(states[1])
  })

  async function launch(store: Store, campaignId: string): Promise<void> {
    await write(store, (db) => ensureSnapshotFor(db, campaignSpec(campaignId), 1))
  }
})

test('a correction alone is taken in too', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  const learner = testLearner(store, records)
  records.add(
    'd',
    Float64Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0)),
  )
  await write(store, (db) => insertRewards(db, [rewardRow({ y: 0 })]))
  await learner.step(workspace)
  await write(store, (db) => insertRewards(db, [rewardRow({ kind: 'correction', y: 1 })]))
  expect(await learner.step(workspace)).toEqual({ rewards: 1, published: null })
  const head = decodeState((await stateRow(store))!.state).heads.get(shoes)!
  // After the 0: w = −.4, P = .8. A 1 instead: w = +.4.
  expect(head.model.weights[0]).toBeCloseTo(0.4, 12)
  expect([head.rewards, head.positives]).toEqual([1, 1])
})

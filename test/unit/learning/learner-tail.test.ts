import { expect, test } from 'vitest'
import { headKey } from '#contracts/decision.ts'
import type { FeatureSchemaId } from '#contracts/feature-schema.ts'
import { createBayesianHeads, responseProbability } from '../../../src/learning/bayesian-head.ts'
import type { LearnerOptions } from '../../../src/learning/learner.ts'
import { decodeState, encodeState } from '../../../src/learning/learner-state.ts'
import { predictiveScale } from '../../../src/learning/predictive-scale.ts'
import { insertRewards } from '../../../src/learning/reward-rows.ts'
import { ensureSnapshotFor, latestSnapshot } from '../../../src/learning/snapshot-rows.ts'
import {
  correctTail,
  createSparseTail,
  tailProduct,
  tailWeights,
  teachTail,
} from '../../../src/learning/sparse-tail.ts'
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

const v3: FeatureSchemaId = { name: 'v3', hash: 'of v3', dimensions: 64, tailSlots: 64 }
const shoes = headKey('spring', 'shoes/email')

/** Hashed features made of the dense ones: a slot for each that is above 0. */
function tailOf(features: Float64Array) {
  const slots = Uint32Array.from([...features.keys()].filter((i) => i > 0 && features[i]! > 0))
  return { slots, values: new Float64Array(slots.length).fill(1) }
}

const tailed: LearnerOptions['decodeFeatures'] = (record) => {
  const features = new Float64Array(record.slice().buffer)
  return { features, tail: tailOf(features), featureSchema: 'v3' }
}
const options = { firstFeatureSchema: v3, decodeFeatures: tailed }

test('head and tail learn from the surprise of both together, as they would alone', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  const rows = await addRewards(store, records, { count: 250, seed: 1, corrections: true })
  await learnAll(testLearner(store, records, options))
  const heads = createBayesianHeads(64)
  const [head, tail] = [heads.create(), createSparseTail()]
  const db = store.read.workspace(workspace)
  const own = rows.filter((row) => row.head === 'shoes/email')
  const encoded = await records.ports.loadRecords(
    db,
    own.map((row) => row.decision_id),
  )
  for (const row of own) {
    const { features, tail: hashed } = tailed(encoded.get(row.decision_id)!)
    const offset = tailProduct(tail, hashed!)
    const p = responseProbability(head, features, offset)
    if (row.kind === 'correction') {
      heads.correct(head, features)
      correctTail(tail, hashed!, p)
    } else {
      heads.teach(head, features, row.y, offset)
      teachTail(tail, hashed!, row.y - p)
    }
  }
  const { state } = (await stateRow(store))!
  const learned = decodeState(state)
  expect(learned.heads.get(shoes)!.model).toEqual(head)
  const { places, gradients, squares } = learned.heads.get(shoes)!.tail
  for (const [slot, place] of tail.places) {
    expect(gradients[places.get(slot)!]).toBe(tail.gradients[place])
    expect(squares[places.get(slot)!]).toBe(tail.squares[place])
  }
  expect(places.size).toBe(tail.places.size)
  expect(encodeState(learned)).toEqual(state)
  const snapshot = (await latestSnapshot(db))!
  expect(snapshot.manifest).toMatchObject({ featureSchema: 'v3', featureSchemaHash: 'of v3', tailSlots: 64 })
  expect(snapshot.tails!.get(shoes)!.slots.length).toBeGreaterThan(30)
})

test('a snapshot’s tail is scaled as its head is', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  await addRewards(store, records, { count: 200, seed: 3 })
  await learnAll(testLearner(store, records, options))
  const { heads, moments } = decodeState((await stateRow(store))!.state)
  const { model, tail } = heads.get(shoes)!
  const snapshot = (await latestSnapshot(store.read.workspace(workspace)))!
  expect(snapshot.tails!.get(shoes)).toEqual(tailWeights(tail, predictiveScale(model, moments)))
})

test('restarted after every step, the state is byte for byte that of an uninterrupted run', async () => {
  const states = []
  for (const restarts of [false, true]) {
    const [store, records] = [await openTestStore(), createRecords()]
    await addRewards(store, records, { count: 450, seed: 4, corrections: true })
    const own = restarts ? { ...options, rewardsPerStep: 37 } : options
    let learner = testLearner(store, records, own)
    while ((await learner.step(workspace)).rewards > 0) {
      if (restarts) learner = testLearner(store, records, own)
    }
    states.push({
      row: await stateRow(store),
      snapshot: await latestSnapshot(store.read.workspace(workspace)),
    })
  }
  expect(states[0]).toEqual(states[1])
})

test('without a tail, with another schema’s, or one that does not fit, a reward teaches the head alone', async () => {
  const features = Float64Array.from({ length: 64 }, (_, i) => (i < 3 ? 1 : 0))
  const odd: Partial<ReturnType<typeof tailed>>[] = [
    {},
    { tail: tailOf(features), featureSchema: 'v1' },
    { tail: { slots: Uint32Array.of(3, 64), values: Float64Array.of(1, 1) } },
    { tail: { slots: Uint32Array.of(3), values: Float64Array.of(Number.NaN) } },
  ]
  for (const over of odd) {
    const [store, records] = [await openTestStore(), createRecords()]
    records.add('d', features)
    await write(store, (db) => insertRewards(db, [rewardRow({ y: 1 })]))
    const decodeFeatures: LearnerOptions['decodeFeatures'] = () => ({
      ...{ features, featureSchema: 'v3' },
      ...over,
    })
    await learnAll(testLearner(store, records, { ...options, decodeFeatures }))
    const state = decodeState((await stateRow(store))!.state)
    expect(state).toMatchObject({ rewards: 1, skipped: 0 })
    expect(state.heads.get(shoes)!.tail.places.size).toBe(0)
    expect(state.heads.get(shoes)!.model.weights[1]).toBeGreaterThan(0)
  }
})

test('a new campaign’s head inherits the tail, with 200 rewards of certainty at most', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  await write(store, (db) => ensureSnapshotFor(db, campaignSpec('spring'), 1, v3))
  await addRewards(store, records, { count: 800, seed: 5, heads: [['spring', 'shoes/email']] })
  await learnAll(testLearner(store, records, options))
  await write(store, (db) => ensureSnapshotFor(db, campaignSpec('summer'), 2))
  const { tails } = (await latestSnapshot(store.read.workspace(workspace)))!
  const heir = headKey('summer', 'shoes/email')
  expect(tails!.get(heir)).toEqual(tails!.get(shoes))
  await addRewards(store, records, { count: 1, seed: 6, heads: [['summer', 'shoes/email']] })
  await learnAll(testLearner(store, records, options))
  const { heads } = decodeState((await stateRow(store))!.state)
  const [own, donor] = [heads.get(heir)!.tail, heads.get(shoes)!.tail]
  const { tail: shown } = tailed(
    (await records.ports.loadRecords(store.read.workspace(workspace), ['d6-0'])).get('d6-0')!,
  )
  for (const slot of tails!.get(shoes)!.slots) {
    if (shown!.slots.includes(slot)) continue
    expect(own.squares[own.places.get(slot)!]).toBeCloseTo(donor.squares[donor.places.get(slot)!]! / 4, 12)
  }
})

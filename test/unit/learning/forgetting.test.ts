import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headKey } from '#contracts/decision.ts'
import { variantKey } from '#contracts/stages.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import {
  type BayesianHead,
  createBayesianHeads,
  curvature,
  logistic,
  logit,
} from '../../../src/learning/bayesian-head.ts'
import { loadPolicySettings, savePolicySettings } from '../../../src/learning/candidate-rows.ts'
import { explorationTime, fadeHead, forgetUntil, weightOf } from '../../../src/learning/forgetting.ts'
import {
  addToSums,
  correctSums,
  createHeadSums,
  discountSums,
  type HeadPrior,
  mergeSums,
  solveHead,
  standardPrior,
} from '../../../src/learning/head-sums.ts'
import {
  decodeState,
  emptyState,
  encodeState,
  type LearnerHead,
  type LearnerState,
} from '../../../src/learning/learner-state.ts'
import { insertRewards } from '../../../src/learning/reward-rows.ts'
import { latestSnapshot } from '../../../src/learning/snapshot-rows.ts'
import { createSparseTail } from '../../../src/learning/sparse-tail.ts'
import { teachReward } from '../../../src/learning/teach-reward.ts'
import {
  createRecords,
  openTestStore,
  rewardRow,
  sparseFeatures,
  stateRow,
  testLearner,
  workspace,
  write,
} from './learning-store.ts'

const dimensions = 3
const models = createBayesianHeads(dimensions)
const dayMs = 86_400_000
const firstDay = 20_000

interface Told {
  x: Float64Array
  y: 0 | 1
  /** Days since the one before. */
  daysLater: number
  /** How old the decision is when it is told. */
  age: number
  /** Turned into a 1 after all else. */
  isLate: boolean
}
const feature = fc.oneof(fc.constant(0), fc.double({ min: -2, max: 2, noNaN: true }))
const told: fc.Arbitrary<Told> = fc
  .record({
    x: fc.array(feature, { minLength: dimensions, maxLength: dimensions }),
    isReward: fc.boolean(),
    daysLater: fc.constantFrom(0, 0, 1, 3),
    age: fc.constantFrom(0, 1, 5),
    isLate: fc.boolean(),
  })
  .map(({ x, isReward, isLate, ...days }) => {
    const y = isReward ? (1 as const) : (0 as const)
    return { ...days, x: Float64Array.from(x), y, isLate: isLate && y === 0 }
  })
const stream = fc.array(told, { minLength: 1, maxLength: 20 })
const start = Float64Array.of(0.5, -1, 0.25)
const halfLife = fc.constantFrom(1, 4, 30)

/** A state with one head that starts from `start`, on its first day. */
function stateFrom(halfLifeDays: number): { state: LearnerState; head: LearnerHead } {
  const state = emptyState('v1', dimensions)
  const own = { campaignId: 'spring', head: 'shoes/email', rewards: 0, positives: 0, inheritedFrom: '' }
  const head: LearnerHead = { ...own, model: models.create(start), tail: createSparseTail(), start }
  state.heads.set(headKey('spring', 'shoes/email'), head)
  forgetUntil(state, firstDay, halfLifeDays)
  return { state, head }
}

/** Plays a stream; `seen`: what each observation was at its step, and the day of its decision. */
function play(all: readonly Told[], halfLifeDays: number) {
  const { state, head } = stateFrom(halfLifeDays)
  const seen: { x: Float64Array; h: number; z: number; p: number; day: number; y: number }[] = []
  let day = firstDay
  for (const { x, y, daysLater, age } of all) {
    day += daysLater
    forgetUntil(state, day, halfLifeDays)
    const z = logit(head.model, x)
    const p = logistic(z)
    // Of a decision from before forgetting began nothing was forgotten until then.
    const decided = Math.max(firstDay, day - age)
    seen.push({ x, h: curvature(p), z, p, day: decided, y })
    teachReward(models, state, head, { kind: 'reward', y }, x, weightOf(state, decided * dayMs + 5))
  }
  all.forEach(({ isLate, x }, i) => {
    if (!isLate) return
    const weight = weightOf(state, seen[i]!.day * dayMs)
    teachReward(models, state, head, { kind: 'correction', y: 1 }, x, weight)
    seen[i]!.y = 1
  })
  return { state, head, seen, day }
}

test('the head is the weighted batch of all that it was told, late corrections included', () => {
  fc.assert(
    fc.property(stream, halfLife, (all, halfLifeDays) => {
      const { head, seen, day } = play(all, halfLifeDays)
      const precision = Array.from({ length: dimensions }, (_, i) =>
        Array.from({ length: dimensions }, (_unused, j) => (i === j ? 1 : 0)),
      )
      const eta = [...start]
      for (const { x, h, z, p, day: decided, y } of seen) {
        const c = 0.5 ** ((day - decided) / halfLifeDays)
        for (let i = 0; i < dimensions; i += 1) {
          for (let j = 0; j < dimensions; j += 1) precision[i]![j]! += c * h * x[i]! * x[j]!
          eta[i]! += c * x[i]! * (h * z + y - p)
        }
      }
      const weights = solved(precision, eta)
      for (const [i, weight] of weights.entries()) expect(head.model.weights[i]).toBeCloseTo(weight, 7)
      expect(head.weight ?? head.rewards).toBeCloseTo(
        seen.reduce((sum, one) => sum + 0.5 ** ((day - one.day) / halfLifeDays), 0),
        9,
      )
      // P, by its columns.
      for (let j = 0; j < dimensions; j += 1) {
        const column = solved(
          precision,
          eta.map((_, i) => (i === j ? 1 : 0)),
        )
        for (let i = j; i < dimensions; i += 1)
          expect(head.model.covariance[(i * (i + 1)) / 2 + j]).toBeCloseTo(column[i]!, 7)
      }
    }),
  )
})

test('partitions whose sums are of several days merge to it in any order', () => {
  fc.assert(
    fc.property(stream, halfLife, fc.boolean(), (all, halfLifeDays, isBackward) => {
      const { head, day } = play(all, halfLifeDays)
      // Each partition has the observations of some, as a head saw them one after the other.
      const { state, head: own } = stateFrom(halfLifeDays)
      const parts = [0, 1, 2].map(() => ({ sums: createHeadSums(dimensions), day: firstDay }))
      const bring = (part: (typeof parts)[number], to: number) => {
        discountSums(part.sums, 0.5 ** ((to - part.day) / halfLifeDays))
        part.day = to
      }
      let now = firstDay
      const decided: number[] = []
      all.forEach(({ x, y, daysLater, age }, i) => {
        now += daysLater
        forgetUntil(state, now, halfLifeDays)
        const part = parts[i % 3]!
        bring(part, now)
        decided.push(Math.max(firstDay, now - age))
        const weight = weightOf(state, decided[i]! * dayMs)
        addToSums(part.sums, own.model, x, y, weight)
        teachReward(models, state, own, { kind: 'reward', y }, x, weight)
      })
      for (const part of parts) bring(part, day)
      all.forEach(({ isLate, x }, i) => {
        // Wherever the correction arrives.
        if (isLate) correctSums(parts[(i + 1) % 3]!.sums, x, 0.5 ** ((day - decided[i]!) / halfLifeDays))
      })
      const merged = createHeadSums(dimensions)
      for (const { sums } of isBackward ? parts.toReversed() : parts) mergeSums(merged, sums)
      const prior: HeadPrior = { ...standardPrior(dimensions), eta: start }
      expectClose(solveHead(prior, merged)!, head.model)
      expect(merged.weight).toBeCloseTo(head.weight ?? head.rewards, 9)
    }),
  )
})

test('what nobody shows any more goes back to where the head started, and is as uncertain as then', () => {
  const { state, head } = stateFrom(5)
  for (let i = 0; i < 400; i += 1)
    teachReward(models, state, head, { kind: 'reward', y: 0 }, Float64Array.of(1, 0.5, 0))
  expect(head.model.weights[0]).toBeLessThan(-1)
  // Never shown: neither learned nor forgotten.
  expect(head.model.weights[2]).toBe(start[2])
  forgetUntil(state, firstDay + 200, 5)
  for (const [i, weight] of head.model.weights.entries()) expect(weight).toBeCloseTo(start[i]!, 9)
  expect([...head.model.covariance].map((value) => Number(value.toFixed(9)) + 0)).toEqual([1, 0, 1, 0, 0, 1])
  expect(head.weight).toBeLessThan(1e-8)
  // 400 rewards were explored, and have to be explored anew.
  expect(state.rewards).toBe(400)
  expect(explorationTime(state)).toBeCloseTo(1, 8)
})

test('a day that came already, and the first one, forget nothing; without a half-life nothing more is', () => {
  const { state, head } = stateFrom(5)
  teachReward(models, state, head, { kind: 'reward', y: 1 }, Float64Array.of(1, 1, 1))
  const before = encodeState(state)
  forgetUntil(state, firstDay - 3, 5)
  forgetUntil(state, firstDay, 5)
  expect(encodeState(state)).toEqual(before)
  forgetUntil(state, firstDay + 5, 5)
  expect(head.weight).toBe(0.5)
  forgetUntil(state, firstDay + 9, null)
  expect(state.forgetting).toBeNull()
  // Asked for again: from that day on.
  forgetUntil(state, firstDay + 50, 5)
  expect(head.weight).toBe(0.5)
  expect(weightOf(state, firstDay * dayMs)).toBe(1)
  expect(decodeState(encodeState(state))).toEqual(state)
})

describe('a planted change: one in ten responds for sixty days, then one in fifty', () => {
  const perDay = 200
  /** By day: P of the head, and from outside the weighted mean of all responses so far. */
  const played = [7, null].map((halfLifeDays) => {
    const random = createSeededRandom(9)
    const { state, head } = stateFrom(7)
    const x = Float64Array.of(1, 0, 0)
    let [responses, sends] = [0, 0]
    return Array.from({ length: 100 }, (_, day) => {
      forgetUntil(state, firstDay + day, halfLifeDays)
      const left = halfLifeDays === null ? 1 : 0.5 ** (1 / halfLifeDays)
      responses *= left
      sends *= left
      for (let i = 0; i < perDay; i += 1) {
        const y = random.next() < (day < 60 ? 0.1 : 0.02) ? 1 : 0
        teachReward(models, state, head, { kind: 'reward', y }, x)
        responses += y
      }
      sends += perDay
      return { p: logistic(logit(head.model, x)), mean: responses / sends }
    })
  })
  const [forgetting, keeping] = played as [(typeof played)[number], (typeof played)[number]]

  test('the day before, both know', () => {
    expect(Math.abs(forgetting[59]!.p - 0.1)).toBeLessThan(0.01)
    expect(Math.abs(keeping[59]!.p - 0.1)).toBeLessThan(0.01)
  })

  test('forgetting, the head is within two hundredths after 3 half-lives, 4,200 rewards, and goes on', () => {
    expect(forgetting[80]!.p).toBeLessThan(0.04)
    expect(forgetting[99]!.p).toBeLessThan(0.03)
  })

  test('without, it lags: four hundredths too high after 8,000 rewards', () => {
    expect(keeping[80]!.p).toBeGreaterThan(0.07)
    expect(keeping[99]!.p).toBeGreaterThan(0.06)
  })

  test('both are near the weighted mean of what was seen', () => {
    for (const days of [forgetting, keeping])
      for (const { p, mean } of days.slice(20)) expect(Math.abs(p - mean)).toBeLessThan(0.012)
  })
})

describe('in the learner', () => {
  const shoes = headKey('spring', 'shoes/email')

  /** 30 rewards a day of decisions of the day before, and a correction now and then. */
  async function played(halfLifeDays: number | null, rewardsPerStep: number) {
    const [store, records] = [await openTestStore(), createRecords()]
    const random = createSeededRandom(3)
    const rows = Array.from({ length: 300 }, (_, i) => {
      const decisionId = `d${i}`
      records.add(decisionId, sparseFeatures(random))
      const at = { created_at: (firstDay + Math.floor(i / 30)) * dayMs, decision_id: decisionId }
      const row = rewardRow({ ...at, y: random.next() < 0.2 ? 1 : 0 })
      return i % 17 === 3 ? rewardRow({ ...row, decision_id: `d${i - 3}`, kind: 'correction', y: 1 }) : row
    })
    await write(store, async (db) => {
      await insertRewards(db, rows)
      const settings = await loadPolicySettings(db)
      await savePolicySettings(db, { ...settings, forgetHalfLifeDays: halfLifeDays })
    })
    let decoded = 0
    const decodeFeatures: typeof records.ports.decodeFeatures = (record) => ({
      ...records.ports.decodeFeatures(record),
      variantId: 'short',
      decidedAt: (firstDay + (decoded++ % 2)) * dayMs,
    })
    const options = { decodeFeatures, rewardsPerStep, snapshotEveryRewards: 100 }
    let learner = testLearner(store, records, options)
    while ((await learner.step(workspace)).rewards > 0)
      if (rewardsPerStep < 100) learner = testLearner(store, records, options)
    const state = (await stateRow(store))!.state
    return { state, snapshot: (await latestSnapshot(store.read.workspace(workspace)))! }
  }

  test('the state is a function of the rewards in their order, and the snapshot says what was forgotten', async () => {
    const [whole, inSteps] = [await played(4, 500), await played(4, 37)]
    expect(whole.state).toEqual(inSteps.state)
    const { snapshot } = whole
    const state = decodeState(whole.state)
    const head = state.heads.get(shoes)!
    expect(state.forgetting).toEqual({ halfLifeDays: 4, day: firstDay + 9, since: firstDay })
    // The last snapshot is of the 200th reward.
    expect(snapshot.manifest.rewards).toBe(200)
    expect(snapshot.manifest.forgetting).toMatchObject({ halfLifeDays: 4, since: firstDay })
    expect(snapshot.manifest.heads[0]!.weight).toBeLessThan(200)
    expect(snapshot.t).toBeCloseTo(1 + snapshot.manifest.heads[0]!.weight!, 9)
    expect(head.weight).toBeLessThan(head.rewards / 2)
    const variant = variantKey('spring', 'shoes/email', 'short')
    expect(state.stages.variants.get(variant)![0]).toBeCloseTo(head.weight!, 9)
  })
})

/** Gaussian elimination with partial pivoting: nothing of the product's. */
function solved(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  const n = rows.length
  for (let k = 0; k < n; k += 1) {
    let pivot = k
    for (let i = k + 1; i < n; i += 1) if (Math.abs(rows[i]![k]!) > Math.abs(rows[pivot]![k]!)) pivot = i
    ;[rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!]
    for (let i = 0; i < n; i += 1) {
      if (i === k) continue
      const factor = rows[i]![k]! / rows[k]![k]!
      for (let j = k; j <= n; j += 1) rows[i]![j]! -= factor * rows[k]![j]!
    }
  }
  return rows.map((row, k) => row[n]! / row[k]!)
}

function expectClose(a: BayesianHead, b: BayesianHead): void {
  for (const [i, weight] of a.weights.entries()) expect(weight).toBeCloseTo(b.weights[i]!, 7)
  for (const [i, value] of a.covariance.entries()) expect(value).toBeCloseTo(b.covariance[i]!, 7)
}

test('a head that has seen nothing has nothing to forget', () => {
  const head = models.create(start)
  fadeHead(head, start, 0.25)
  expect(head).toEqual(models.create(start))
})

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultPolicy, type Policy, policySchema } from '#contracts/policy.ts'
import { decide } from '#decision/decide.ts'
import { type DrawPolicy, drawPolicies, policyKinds, type TreatmentDraw } from '#decision/draw-policy.ts'
import { decodeDecision } from '#decision/record.ts'
import { replayDecision } from '#decision/replay.ts'
import { createScoreSpread } from '#decision/score-spread.ts'
import { arbitraryInput } from '../unit/decision/arbitrary-input.ts'
import {
  makeCampaign,
  makeInput,
  makeSnapshot,
  makeSpec,
  makeTreatment,
  withId,
} from '../unit/decision/support.ts'

const folder = fileURLToPath(new URL('../../src/decision/policies/', import.meta.url))
const files = readdirSync(folder)
const policies = await Promise.all(
  files.map(async (file) => ({
    name: file.replace('.ts', ''),
    policy: ((await import(join(folder, file))) as { policy: DrawPolicy }).policy,
  })),
)

/** Settings that a person may choose, for each kind. */
const settings: { [K in Policy['kind']]: fc.Arbitrary<Extract<Policy, { kind: K }>> } = {
  'inverse-gap': fc.record({
    kind: fc.constant('inverse-gap' as const),
    gammaScale: fc.double({ min: 0.001, max: 1_000_000, noNaN: true }),
    floor: fc.constantFrom(0, 0.02, 0.5, 1),
  }),
  thompson: fc.record({ kind: fc.constant('thompson' as const), floor: fc.constantFrom(0, 0.02, 0.5, 1) }),
  greedy: fc.record({ kind: fc.constant('greedy' as const), floor: fc.constantFrom(0, 0.02, 0.5, 1) }),
  'fixed-split': fc.record({
    kind: fc.constant('fixed-split' as const),
    nothing: fc.double({ min: 0.001, max: 0.999, noNaN: true }),
  }),
}

interface Place {
  logit: number
  deviation: number
  threshold: number
  worth: number
  cost: number
}

/** From nobody to a hundred candidates beside "nothing"; logits and money far beyond what is sensible, and ties. */
const places = fc.array(
  fc.record<Place>({
    logit: fc.oneof(fc.constantFrom(-3, 0, 40, -40), fc.double({ min: -12, max: 12, noNaN: true })),
    deviation: fc.oneof(fc.constantFrom(0, 1, 30), fc.double({ min: 0, max: 4, noNaN: true })),
    threshold: fc.constantFrom(0, 0.02, 0.5, 1.02),
    worth: fc.oneof(fc.constantFrom(0, 1, 1e9), fc.double({ min: 0, max: 10, noNaN: true })),
    cost: fc.oneof(fc.constantFrom(0, 1e9), fc.double({ min: 0, max: 0.1, noNaN: true })),
  }),
  { maxLength: 100, size: 'max' },
)
const draws = fc
  .record({ places, t: fc.integer({ min: 1, max: 100_000_000 }) })
  .map(({ places: list, t }) => drawOf(list, t))

function drawOf(list: Place[], t: number): TreatmentDraw {
  const spread = createScoreSpread(list.length)
  const scores = new Float64Array(list.length + 1)
  list.forEach(({ logit, deviation, threshold, worth, cost }, place) => {
    spread.logits[place] = logit
    spread.deviations[place] = deviation
    spread.thresholds[place] = threshold
    spread.worths[place] = worth
    spread.costs[place] = cost
    scores[place] = Math.max(0, 1 / (1 + Math.exp(-logit)) - threshold) * worth - cost
  })
  return { scores, count: list.length + 1, t, spread }
}

function settingsFor(kind: Policy['kind'], share: number): Policy {
  return policySchema.parse(kind === 'fixed-split' ? { kind, nothing: share } : { kind, floor: share })
}

test('every file is a policy that snapshots may name, and has a code in the record', () => {
  expect(policies.map(({ name }) => name).sort()).toEqual([...policyKinds].sort())
  for (const { name, policy } of policies) {
    expect(policy.kind).toBe(name)
    expect(drawPolicies[policy.kind]).toBe(policy)
  }
  expect(policySchema.parse({ kind: 'inverse-gap' })).toEqual(defaultPolicy)
})

describe.each(policies)('$name', ({ policy }) => {
  const setting = settings[policy.kind] as fc.Arbitrary<Policy>

  test('gives a distribution above its floor, and the same one again, whatever the scores', () => {
    fc.assert(
      fc.property(draws, setting, (draw, chosen) => {
        const p = new Float64Array(draw.count).fill(Number.NaN)
        policy.write(p, draw, chosen)
        expect(Math.abs(p.reduce((sum, each) => sum + each, 0) - 1)).toBeLessThan(1e-9)
        const floor = 'floor' in chosen ? chosen.floor / draw.count : 0
        for (const each of p) {
          expect(each).toBeGreaterThanOrEqual(floor)
          expect(each).toBeLessThanOrEqual(1 + 1e-12)
        }
        const again = new Float64Array(draw.count)
        policy.write(again, draw, chosen)
        expect(again).toEqual(p)
      }),
      { numRuns: 150, seed: 5 },
    )
  })

  test('one candidate competes with nothing; none leaves nothing', () => {
    const chosen = fc.sample(setting, { numRuns: 1, seed: 1 })[0]!
    const alone = new Float64Array(1)
    policy.write(alone, drawOf([], 1), chosen)
    expect([...alone]).toEqual([1])
    const two = new Float64Array(2)
    const good = { logit: 0, deviation: 0.1, threshold: 0, worth: 1, cost: 0 }
    policy.write(two, drawOf([good], 1), settingsFor(policy.kind, 0.02))
    expect(two[0]).toBeGreaterThan(two[1]!)
  })

  test('what is logged is what was drawn from: equal seeds replay equal bytes', () => {
    fc.assert(
      fc.property(arbitraryInput, setting, (given, chosen) => {
        const input = { ...given, snapshot: { ...given.snapshot, policy: chosen } }
        const { record, choice } = decide(input)
        expect(Buffer.compare(decide({ ...input }).record, record)).toBe(0)
        const sources = { snapshot: input.snapshot, campaigns: input.campaigns }
        expect(Buffer.compare(replayDecision(record, sources), record)).toBe(0)
        const decoded = decodeDecision(record)
        expect(decoded.policy).toBe(chosen.kind)
        if (choice.kind !== 'treatment') return
        const { probability, variantProbabilities } = decoded.candidates[choice.candidateIndex]!
        const { sendTime } = decoded
        const slot = sendTime === null ? 1 : sendTime.probabilities[sendTime.slotIndex]!
        expect(choice.propensity).toBe(probability * variantProbabilities[choice.variantIndex]! * slot)
        if (sendTime === null) return
        expect(choice.dueAt).toBe(sendTime.slots[sendTime.slotIndex]!.dueAt)
        expect(Math.abs(sendTime.probabilities.reduce((sum, p) => sum + p, 0) - 1)).toBeLessThan(1e-9)
      }),
      { numRuns: 150, seed: 7 },
    )
  })

  test('draws as often as it says', () => {
    const spec = makeSpec('welcome', [
      makeTreatment(),
      makeTreatment({ offerId: 'free-shipping' }),
      makeTreatment({ offerId: 'tour', costMicros: 90_000 }),
    ])
    const heads = {
      welcome: { nothing: [-3, 0], 'ten-percent/email': [-2.9, 0], 'free-shipping/email': [-2.8, 0] },
    }
    const chosen = settingsFor(policy.kind, 0.2)
    const input = makeInput([makeCampaign(spec)], { snapshot: makeSnapshot(heads, { policy: chosen }) })
    const runs = 8_000
    const drawn = new Map<string, number>()
    for (let run = 0; run < runs; run += 1) {
      const { choice } = decide(withId(input, run))
      const what = choice.kind === 'treatment' ? String(choice.candidateIndex) : choice.kind
      drawn.set(what, (drawn.get(what) ?? 0) + 1)
    }
    const decoded = decodeDecision(decide(input).record)
    const expected = [...decoded.candidates.map(({ probability }) => probability), decoded.nothingProbability]
    // Pearson's chi-square with 3 degrees of freedom: 16.3 is its 99.9th percentile.
    const seen = ['0', '1', '2', 'nothing'].map((what) => drawn.get(what) ?? 0)
    const chiSquare = seen.reduce(
      (sum, n, i) => sum + (n - runs * expected[i]!) ** 2 / (runs * expected[i]!),
      0,
    )
    expect(chiSquare).toBeLessThan(16.3)
  })
})

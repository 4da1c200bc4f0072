import { describe, expect, test } from 'vitest'
import { type DecisionInput, headKey } from '#contracts/decision.ts'
import { decide } from '#decision/decide.ts'
import { explainDecision } from '#decision/explain.ts'
import { builtInFeatureSchemas } from '#decision/feature-schemas.ts'
import { decodeDecision } from '#decision/record.ts'
import { decideOtherwise } from '#decision/replay.ts'
import { whatIf } from '#decision/what-if.ts'
import { outcomeOf } from '../../../src/guardrails/run/evaluate.ts'
import { logit, makeCampaign, makeInput, makeSnapshot, makeSpec, makeTreatment } from './support.ts'

const v3 = builtInFeatureSchemas.get('v3')!
const slotOf = (name: string) => v3.tailSlotOf!(name)!
const treatments = ['a', 'b'].map((offerId) => makeTreatment({ offerId, valueMicros: 1_000_000 }))
const campaign = makeCampaign(makeSpec('welcome', treatments))
/** Slots in any order. */
const sorted = (pairs: [name: string, value: number][]) => {
  const own = pairs.map(([name, value]) => ({ slot: slotOf(name), value })).sort((x, y) => x.slot - y.slot)
  return {
    slots: Uint32Array.from(own, ({ slot }) => slot),
    values: Float64Array.from(own, ({ value }) => value),
  }
}
const weights = (pairs: [name: string, value: number][]) => {
  const { slots, values } = sorted(pairs)
  return { slots, weights: values }
}
const tails = new Map([
  [
    headKey('welcome', 'a/email'),
    weights([
      ['trait city=Oslo', 2],
      ['trait city=Rome', -1],
    ]),
  ],
  [headKey('welcome', 'nothing'), weights([['affinity brand=Acme', -0.5]])],
])
const input: DecisionInput = makeInput([campaign], {
  featureSchema: 'v3',
  features: Float64Array.of(1),
  tail: sorted([
    ['trait city=Oslo', 1],
    ['affinity brand=Acme', 0.25],
    ['trait plan=gold', 1],
  ]),
  snapshot: makeSnapshot(
    { welcome: { 'a/email': [-1], 'b/email': [-1], nothing: [-3] } },
    { featureSchema: 'v3', tails },
  ),
})
const factorsOf = (given: DecisionInput) => decodeDecision(decide(given).record).candidates

describe('a decision with hashed features', () => {
  test('each head adds what its tail weighs, and nothing where it has none', () => {
    const [a, b] = factorsOf(input)
    expect(logit(a!.responseProbability)).toBeCloseTo(-1 + 2, 12)
    expect(logit(b!.responseProbability)).toBeCloseTo(-1, 12)
    expect(logit(a!.unpromptedProbability)).toBeCloseTo(-3 - 0.125, 12)
  })

  test('without tails it is decided as by the dense features alone', () => {
    const { tails: _, ...dense } = input.snapshot
    const { tail: __, ...plain } = { ...input, snapshot: dense }
    expect(factorsOf({ ...input, snapshot: dense })).toEqual(factorsOf(plain))
  })

  test('the explanation has each feature by its name, as far as it is known, and the terms add up', () => {
    const decoded = decodeDecision(decide(input).record)
    const names = new Map([[slotOf('trait city=Oslo'), 'trait city=Oslo']])
    const explained = explainDecision(decoded, [campaign], input.snapshot, names)
    const own = explained.drawn.find(({ treatmentId }) => treatmentId === 'a/email')!
    expect(own.contributions!.features).toEqual([
      { name: 'trait city=Oslo', value: 1, logOdds: 2 },
      { name: 'constant', value: 1, logOdds: -1 },
    ])
    expect(explained.unprompted[0]!.contributions.features[1]).toEqual({
      name: `tail slot ${slotOf('affinity brand=Acme')}`,
      value: 0.25,
      logOdds: -0.125,
    })
    expect(explained.features).toHaveLength(4)
  })

  test('what if the customer lived elsewhere: by name, by slot, and not by a name that no feature has', () => {
    const { record } = decide(input)
    const sources = { snapshot: input.snapshot, campaigns: [campaign] }
    const changed = (name: string, value: number) =>
      whatIf(record, sources, { kind: 'feature', name, value }, outcomeOf)
    const probabilityOf = (result: ReturnType<typeof changed>) =>
      result.kind === 'decided' ? logit(result.decoded.candidates[0]!.responseProbability) : result.detail
    expect(probabilityOf(changed('trait city=Oslo', 0))).toBeCloseTo(-1, 12)
    expect(probabilityOf(changed('trait city=Rome', 1))).toBeCloseTo(0, 12)
    expect(probabilityOf(changed(`tail slot ${slotOf('trait city=Oslo')}`, 0.5))).toBeCloseTo(0, 12)
    expect(changed('city', 1)).toMatchObject({ kind: 'refused' })
    expect(changed('tail slot 65536', 1)).toMatchObject({ kind: 'refused' })
  })

  test('a version without the tail is judged by the same decisions, and the other way round', () => {
    const { record } = decide(input)
    const { tails: _, ...dense } = { ...input.snapshot, featureSchema: 'v1' }
    const [a] = decideOtherwise(record, { snapshot: dense, campaigns: [campaign] }).candidates
    expect(logit(a!.responseProbability)).toBeCloseTo(-1, 12)
    const { tail: __, ...plain } = { ...input, featureSchema: 'v1', snapshot: dense }
    const again = decideOtherwise(decide(plain).record, { snapshot: input.snapshot, campaigns: [campaign] })
    expect(logit(again.candidates[0]!.responseProbability)).toBeCloseTo(-1, 12)
  })
})

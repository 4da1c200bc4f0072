import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DecisionInput, DecodedDecision } from '#contracts/decision.ts'
import { decide } from '#decision/decide.ts'
import { explainDecision } from '#decision/explain.ts'
import { decodeDecision } from '#decision/record.ts'
import { type Change, whatIf } from '#decision/what-if.ts'
import { outcomeOf } from '#guardrails/run/evaluate.ts'
import {
  logit,
  makeCampaign,
  makeInput,
  makeSnapshot,
  makeSpec,
  makeTreatment,
  suppressedBy,
} from './support.ts'

const spec = makeSpec(
  'welcome',
  ['a', 'b', 'c'].map((offerId) => makeTreatment({ offerId, costMicros: 7_500 })),
)
const heads = {
  nothing: [logit(0.1), 0.1],
  'a/email': [logit(0.5), 0.3],
  'b/email': [logit(0.3), -0.4],
  'c/email': [logit(0.2), 0],
}
const input = makeInput([makeCampaign(spec, {})], { snapshot: makeSnapshot({ welcome: heads }, { t: 100 }) })
input.candidates[2]!.guardrails = suppressedBy('consent', 'frequency-cap')
const recencyName = 'days since last seen (log)'

describe('the same decision with one input changed', () => {
  test('a change to what was there already gives the same record', () => {
    fc.assert(
      fc.property(fc.double({ min: -2, max: 2, noNaN: true }), (recency) => {
        const given = withFeature(recency)
        const { record } = decide(given)
        expect(changed(given, { kind: 'feature', name: recencyName, value: recency })).toEqual(
          decodeDecision(record),
        )
      }),
      { seed: 1 },
    )
  })

  test('a feature', () => {
    const after = changed(input, { kind: 'feature', name: recencyName, value: 2 })
    expect(after.features[1]).toBe(2)
    // σ(0 + .3 × 2)
    expect(after.candidates[0]!.responseProbability).toBeCloseTo(1 / (1 + Math.exp(-0.6)), 12)
  })

  test('a lever, a value and a cost of one treatment alone', () => {
    const of = { campaignId: 'welcome', treatmentId: 'b/email' }
    const lever = changed(input, { kind: 'lever', ...of, to: 3 })
    expect(lever.candidates.map((candidate) => candidate.lever).slice(0, 2)).toEqual([1, 3])
    expect(changed(input, { kind: 'value', ...of, to: 8 }).candidates[1]!.valueMicros).toBe(8_000_000)
    expect(changed(input, { kind: 'cost', ...of, to: 0.5 }).candidates[1]!.costMicros).toBe(500_000)
    expect(changed(input, { kind: 'fatigue', ...of, to: 0.1 }).candidates[1]!.fatigue).toBe(0.1)
    expect(spec.treatments[1]).toMatchObject({ lever: 1, costMicros: 7_500, valueMicros: 5_000_000 })
  })

  test('a guardrail lifted; what others object to stands', () => {
    const one = changed(input, { kind: 'without-guardrail', guardrail: 'consent' })
    expect(one.candidates[2]!.guardrails).toMatchObject({ by: 'frequency-cap' })
    const alone = { ...input, candidates: input.candidates.with(2, lastBy('consent')) }
    const both = changed(alone, { kind: 'without-guardrail', guardrail: 'consent' })
    expect(both.candidates[2]!.probability).toBeGreaterThan(0)
  })

  test.each<[string, Change]>([
    [
      'no feature is called "age"; there are constant, days since last seen (log)',
      { kind: 'feature', name: 'age', value: 1 },
    ],
    [
      'quiet-hours did not object to any candidate; consent, frequency-cap objected',
      { kind: 'without-guardrail', guardrail: 'quiet-hours' },
    ],
    [
      'no candidate is welcome z/email; there are welcome a/email, welcome b/email, welcome c/email',
      { kind: 'lever', campaignId: 'welcome', treatmentId: 'z/email', to: 1 },
    ],
  ])('%s', (detail, change) => {
    expect(whatIf(decide(input).record, sourcesOf(input), change, outcomeOf)).toEqual({
      kind: 'refused',
      detail,
    })
  })
})

describe('what would have had to differ', () => {
  const explained = explainDecision(decodeDecision(decide(input).record), input.campaigns, input.snapshot)
  const { runnerUp } = explained

  test.each(['lever', 'value', 'cost', 'fatigue'] as const)('a tie by the %s it names', (kind) => {
    const { campaignId, treatmentId, needs } = runnerUp!
    const to = needs[kind]
    if (to === null) {
      // Nothing costs less than nothing, and nobody can be less than not tired at all.
      expect(['cost', 'fatigue']).toContain(kind)
      return
    }
    const after = changed(input, { kind, campaignId, treatmentId, to })
    const [first, second] = after.candidates.map(({ scoreMicros }) => scoreMicros)
    expect(Math.abs(first! - second!)).toBeLessThan(2)
  })

  test('the terms add up to the log-odds of the response', () => {
    for (const { contributions, score } of explained.drawn) {
      const sum = contributions!.features.reduce(
        (total, { logOdds }) => total + logOdds,
        contributions!.others,
      )
      expect(1 / (1 + Math.exp(-sum))).toBeCloseTo(score!.responseProbability, 12)
    }
    const unprompted = explained.unprompted[0]!.contributions
    expect(unprompted.features.map(({ logOdds }) => logOdds)[0]).toBeCloseTo(logit(0.1), 12)
  })

  test('without the snapshot there are no contributions, and the rest stands', () => {
    const without = explainDecision(decodeDecision(decide(input).record), input.campaigns)
    expect(without.drawn.every(({ contributions }) => contributions === null)).toBe(true)
    expect(without.runnerUp).toEqual(runnerUp)
  })
})

function withFeature(recency: number): DecisionInput {
  return { ...input, features: Float64Array.of(1, recency) }
}

function lastBy(guardrail: string) {
  return { ...input.candidates[2]!, guardrails: suppressedBy(guardrail) }
}

function sourcesOf({ snapshot, campaigns }: DecisionInput) {
  return { snapshot, campaigns }
}

function changed(given: DecisionInput, change: Change): DecodedDecision {
  const result = whatIf(decide(given).record, sourcesOf(given), change, outcomeOf)
  if (result.kind === 'refused') throw new Error(result.detail)
  return result.decoded
}

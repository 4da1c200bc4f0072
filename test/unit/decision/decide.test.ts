import chiSquareCdf from '@stdlib/stats-base-dists-chisquare-cdf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DecisionInput } from '#contracts/decision.ts'
import { decide } from '#decision/decide.ts'
import { inverseGapProbabilities } from '#decision/inverse-gap.ts'
import { decodeDecision } from '#decision/record.ts'
import { arbitraryInput } from './arbitrary-input.ts'
import {
  candidatesOf,
  decidedAt,
  deferredTo,
  logit,
  makeCampaign,
  makeInput,
  makeSnapshot,
  makeSpec,
  makeTreatment,
  makeVariants,
  suppressedBy,
  withId,
} from './support.ts'

const offers = ['a', 'b', 'c'].map((offerId) => makeTreatment({ offerId, variants: makeVariants(1, 3) }))
const spec = makeSpec('welcome', offers)
/** P of a, b, c: .5, .4, .3; of nothing .2. */
const heads = {
  welcome: {
    nothing: [logit(0.2), 0],
    'a/email': [logit(0.5), 0],
    'b/email': [logit(0.4), 0],
    'c/email': [logit(0.3), 0],
  },
}

describe('the score', () => {
  it('is the incremental probability in money, less the cost', () => {
    const priced = makeSpec('welcome', [
      makeTreatment({ offerId: 'a', costMicros: 7_500, valueMicros: 4_000_000, lever: 1.5 }),
      makeTreatment({ offerId: 'b', costMicros: 7_500 }),
    ])
    const worse = { welcome: { ...heads.welcome, 'b/email': [logit(0.1), 0] } }
    const campaigns = [makeCampaign(priced)]
    const [a, b] = candidatesOf(campaigns)
    const candidates = [{ ...a!, fatigue: 0.017 }, b!]
    const input = makeInput(campaigns, { snapshot: makeSnapshot(worse), candidates })
    const [first, second] = decodeDecision(decide(input).record).candidates
    expect(first!.responseProbability).toBeCloseTo(0.5, 12)
    expect(first!.unpromptedProbability).toBeCloseTo(0.2, 12)
    // (.5 − .017 − .2) × 4 × 1.5 − .0075 = 1.6905 units
    expect(first!.scoreMicros).toBeCloseTo(1_690_500, 3)
    // Worse than doing nothing: only the cost is left.
    expect(second!.scoreMicros).toBe(-7_500)
  })

  it('takes every dimension into account, also where some features are 0', () => {
    const weights = { welcome: { 'a/email': [0.1, -0.2, 0.3, 0.4, -0.5], nothing: [0, 0, 0, 9, 0] } }
    const features = Float64Array.of(1, 2, 3, 0, 5)
    const input = makeInput([makeCampaign(spec)], { snapshot: makeSnapshot(weights), features })
    const [first] = decodeDecision(decide(input).record).candidates
    // w·x = .1 − .4 + .9 − 2.5 = −1.9
    expect(first!.responseProbability).toBeCloseTo(1 / (1 + Math.exp(1.9)), 12)
    expect(first!.unpromptedProbability).toBe(0.5)
  })

  it('starts at one half where the snapshot has no head', () => {
    const decoded = decodeDecision(decide(makeInput([makeCampaign(spec)])).record)
    expect(decoded.candidates.map((c) => c.responseProbability)).toEqual([0.5, 0.5, 0.5])
    expect(decoded.candidates.map((c) => c.unpromptedProbability)).toEqual([0.5, 0.5, 0.5])
    expect(decoded.nothingProbability).toBeCloseTo(0.25, 12)
  })

  it('does not depend on the order of the candidates', () => {
    const input = makeInput([makeCampaign(spec)], { snapshot: makeSnapshot(heads) })
    const reversed = { ...input, candidates: input.candidates.toReversed() }
    const there = decodeDecision(decide(input).record)
    const back = decodeDecision(decide(reversed).record)
    expect(back.candidates.toReversed().map((c) => [c.scoreMicros, c.probability])).toEqual(
      there.candidates.map((c) => [c.scoreMicros, c.probability]),
    )
    expect(back.nothingProbability).toBe(there.nothingProbability)
  })

  it('is weighed with nothing at 0, over the bound, with γ = 1000·√t and the floor', () => {
    const snapshot = makeSnapshot(heads, { t: 9, boundMicros: 50_000_000 })
    const decoded = decodeDecision(decide(makeInput([makeCampaign(spec)], { snapshot })).record)
    // Scores 1.5, 1 and .5 units of 50.
    const expected = inverseGapProbabilities([0.03, 0.02, 0.01, 0], 3_000, 0.02)
    const logged = [...decoded.candidates.map((c) => c.probability), decoded.nothingProbability]
    logged.forEach((p, i) => {
      expect(p).toBeCloseTo(expected[i]!, 9)
    })
    expect(decoded.gamma).toBe(3_000)
  })
})

describe('the draw', () => {
  it('follows the logged probabilities, treatment by treatment and variant by variant', () => {
    const snapshot = makeSnapshot(heads, { boundMicros: 5_000_000_000 })
    const input = makeInput([makeCampaign(spec)], { snapshot })
    const logged = decodeDecision(decide(input).record)
    const expected = new Map<string, number>([['nothing', logged.nothingProbability]])
    logged.candidates.forEach(({ probability }, index) => {
      expected.set(`${index}/0`, probability * 0.25)
      expected.set(`${index}/1`, probability * 0.75)
    })
    const draws = 20_000
    const seen = new Map<string, number>()
    for (let i = 0; i < draws; i += 1) {
      const { choice } = decide(withId(input, i))
      const key =
        choice.kind === 'treatment' ? `${choice.candidateIndex}/${choice.variantIndex}` : choice.kind
      seen.set(key, (seen.get(key) ?? 0) + 1)
      if ('propensity' in choice) expect(choice.propensity).toBeCloseTo(expected.get(key)!, 15)
    }
    let chiSquare = 0
    for (const [key, p] of expected) chiSquare += ((seen.get(key) ?? 0) - draws * p) ** 2 / (draws * p)
    expect([...seen.keys()].every((key) => expected.has(key))).toBe(true)
    expect(1 - chiSquareCdf(chiSquare, expected.size - 1)).toBeGreaterThan(0.001)
  })

  it('never takes what is excluded, and its probabilities sum to 1', () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const { choice, record } = decide(input)
        const { candidates, nothingProbability, campaigns, sendTime } = decodeDecision(record)
        const isDrawn = choice.kind === 'treatment' || choice.kind === 'nothing'
        candidates.forEach((candidate, i) => {
          const { verdict } = input.candidates[i]!.guardrails
          const isOut =
            verdict.kind === 'suppress' ||
            candidate.missingVariables.length > 0 ||
            input.campaigns[candidate.campaignIndex]!.heldOut
          if (isOut) expect(candidate.probability).toBe(0)
        })
        const isSplit = campaigns.some((c) => c.policy === 'fixed-split' && !c.heldOut)
        const sum = candidates.reduce((total, { probability }) => total + probability, nothingProbability)
        if (!isDrawn) expect(sum).toBe(0)
        else if (!isSplit) expect(sum).toBeCloseTo(1, 12)
        if (choice.kind === 'treatment') {
          const chosen = candidates[choice.candidateIndex]!
          const variant = chosen.variantProbabilities[choice.variantIndex]!
          expect(chosen.probability).toBeGreaterThan(0)
          const slot = sendTime === null ? 1 : sendTime.probabilities[sendTime.slotIndex]!
          expect(choice.propensity).toBe(chosen.probability * variant * slot)
        }
        if (choice.kind === 'nothing') expect(choice.propensity).toBe(nothingProbability)
      }),
      { numRuns: 500 },
    )
  })

  it('is due when the deferral ends', () => {
    const input = makeInput([makeCampaign(spec)], { snapshot: makeSnapshot(heads, { t: 1e6 }) })
    const later = decidedAt + 3_600_000
    const deferred = input.candidates.map((candidate) => ({ ...candidate, guardrails: deferredTo(later) }))
    const dueAts = (of: DecisionInput) =>
      Array.from({ length: 50 }, (_, i) => decide(withId(of, i)).choice).flatMap((choice) =>
        choice.kind === 'treatment' ? [choice.dueAt] : [],
      )
    expect(new Set(dueAts(input))).toEqual(new Set([decidedAt]))
    expect(new Set(dueAts({ ...input, candidates: deferred }))).toEqual(new Set([later]))
  })

  it('refuses what no pipeline should pass', () => {
    const input = makeInput([makeCampaign(spec)])
    expect(() => decide({ ...input, decisionId: 'D1' })).toThrow(/32 hex digits/)
    expect(() => decide({ ...input, featureSchema: 'v2' })).toThrow(/schema v2/)
    expect(() => decide({ ...input, snapshot: makeSnapshot({}, { boundMicros: 0 }) })).toThrow(/bound/)
    const short = makeSnapshot({ welcome: { 'a/email': [1] } })
    expect(() => decide({ ...input, snapshot: short })).toThrow(/1 weights, not 2/)
  })
})

describe('without a draw', () => {
  const withOutcome = (guardrails: ReturnType<typeof suppressedBy>, missingVariables: string[] = []) => {
    const campaigns = [makeCampaign(spec)]
    const candidates = candidatesOf(campaigns).map((c) => ({ ...c, guardrails, missingVariables }))
    return decide(makeInput(campaigns, { candidates }))
  }

  it('records a held-out customer as such', () => {
    const { choice, record } = withOutcome(suppressedBy('holdout'))
    expect(choice).toEqual({ kind: 'held-out' })
    const decoded = decodeDecision(record)
    expect(decoded.choice).toEqual({ kind: 'held-out' })
    expect(decoded.nothingProbability).toBe(0)
    expect(decoded.candidates.every((c) => c.probability === 0 && Number.isNaN(c.scoreMicros))).toBe(true)
  })

  it('calls nobody held out whom another guardrail stops anyway', () => {
    expect(withOutcome(suppressedBy('holdout', 'frequency-cap')).choice.kind).toBe('none-eligible')
    expect(withOutcome(suppressedBy('consent')).choice.kind).toBe('none-eligible')
    expect(withOutcome(suppressedBy('holdout'), ['customer.name']).choice.kind).toBe('none-eligible')
    expect(decide(makeInput([])).choice.kind).toBe('none-eligible')
  })

  it('never treats in a campaign that holds out, even if no guardrail objected', () => {
    const campaigns = [makeCampaign(spec, { heldOut: true })]
    expect(decide(makeInput(campaigns)).choice).toEqual({ kind: 'held-out' })
  })

  it('stops at missing variables', () => {
    const campaigns = [makeCampaign(spec)]
    const candidates = candidatesOf(campaigns).map((c) => ({ ...c, missingVariables: ['customer.name'] }))
    const { choice, record } = decide(makeInput(campaigns, { candidates }))
    expect(choice.kind).toBe('none-eligible')
    expect(decodeDecision(record).candidates[0]!.missingVariables).toEqual(['customer.name'])
  })
})

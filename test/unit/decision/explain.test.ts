import { describe, expect, it } from 'vitest'
import { decide } from '#decision/decide.ts'
import { explainDecision } from '#decision/explain.ts'
import { formatExplanation } from '#decision/format-explanation.ts'
import { decodeDecision } from '#decision/record.ts'
import {
  deferredTo,
  logit,
  makeCampaign,
  makeInput,
  makeSnapshot,
  makeSpec,
  makeTreatment,
  suppressedBy,
  withId,
} from './support.ts'

const spec = makeSpec(
  'welcome',
  ['a', 'b', 'c', 'd'].map((offerId) => makeTreatment({ offerId, costMicros: 7_500, lever: 1.5 })),
)
const heads = { nothing: [logit(0.2), 0], 'a/email': [logit(0.5), 0], 'b/email': [logit(0.3), 0] }
const input = makeInput([makeCampaign(spec, { version: 2 })], {
  snapshot: makeSnapshot({ welcome: heads }, { t: 1_000_000 }),
})
input.candidates[1]!.guardrails = deferredTo(Date.UTC(2026, 2, 2, 8))
input.candidates[2]!.guardrails = suppressedBy('consent', 'frequency-cap')
input.candidates[3]!.missingVariables = ['customer.firstName']

/** One in which a was drawn. */
const decided = Array.from({ length: 50 }, (_, i) => withId(input, i)).find((given) => {
  const { choice } = decide(given)
  return choice.kind === 'treatment' && choice.candidateIndex === 0
})!

describe('an explanation', () => {
  const explanation = explainDecision(decodeDecision(decide(decided).record), decided.campaigns)

  it('shows the funnel with each reason', () => {
    expect(explanation.funnel).toEqual({ candidates: 4, excluded: 2, drawn: 2, chosen: 1 })
    expect(explanation.excluded.map(({ treatmentId, by, reason }) => [treatmentId, by, reason])).toEqual([
      ['c/email', 'consent', 'consent_says_no'],
      ['d/email', 'missing-variable', 'customer.firstName'],
    ])
    expect(explanation.excluded[0]!.objections.map(({ guardrail }) => guardrail)).toEqual([
      'consent',
      'frequency-cap',
    ])
  })

  it('shows scores in units of money, and the draw', () => {
    const [a, b] = explanation.drawn
    expect(a).toMatchObject({ treatmentId: 'a/email', isChosen: true, deferred: null })
    // (.5 − .2) × 5 × 1.5 − .0075
    expect(a!.score!.score).toBeCloseTo(2.2425, 9)
    expect(a!.score).toMatchObject({ value: 5, lever: 1.5, cost: 0.0075, fatigue: 0 })
    expect(a!.variants).toEqual([{ variantId: 'plain', probability: 1, isChosen: true }])
    expect(b!.deferred).toMatchObject({ by: 'quiet-hours', untilMs: Date.UTC(2026, 2, 2, 8) })
    expect(a!.probability + b!.probability + explanation.nothing.probability).toBeCloseTo(1, 12)
    expect(explanation.bound).toBe(5)
    expect(explanation.features[0]).toEqual({ name: 'constant', value: 1 })
  })

  it('reads as text', () => {
    const text = formatExplanation(explanation, 'EUR')
    expect(text).toContain('a/email of welcome, variant plain, was drawn, with probability')
    expect(text).toContain('Funnel: 4 candidates, 2 excluded, 2 in the draw, 1 chosen')
    expect(text).toContain('welcome c/email: consent suppresses: consent_says_no (used=2, cap=day[0])')
    expect(text).toContain('welcome d/email: missing-variable: customer.firstName')
    expect(text).toContain('score 2.243 = max(0, 0.5 − 0 − 0.2) × 5 × 1.5 − 0.0075')
    expect(text).toContain('deferred to 2026-03-02T08:00:00.000Z by quiet-hours (quiet_hours)')
    expect(text).toContain('welcome v2 inverse-gap')
    expect(text).toMatch(/inverse-gap, γ 1000000/)
    expect(text).not.toContain('Hours')
  })

  it('shows the hours that were open, and the one that was drawn', () => {
    const slots = [9, 18].map((hour) => ({
      dueAt: Date.UTC(2026, 2, 2, hour),
      hourOfWeek: 24 + hour,
      activity: hour === 18 ? 3 : 0,
    }))
    const open = { ...decided, sendSlots: () => ({ cohort: 'students', activityTotal: 5, slots }) }
    const shown = explainDecision(decodeDecision(decide(open).record), open.campaigns)
    const text = formatExplanation(shown, 'EUR')
    expect(text).toContain('cohort students, 5 signs of life of the customer')
    expect(text).toMatch(/2026-03-02T18:00:00.000Z: probability 0\.\d+, 3 of them in this hour/)
    expect(text.match(/→ 2026-03-02T/g)).toHaveLength(1)
  })

  it('says why nothing was drawn', () => {
    const verdictOf = (guardrails: ReturnType<typeof suppressedBy>) => {
      const candidates = input.candidates.map((c) => ({ ...c, guardrails, missingVariables: [] }))
      const decoded = decodeDecision(decide({ ...input, candidates }).record)
      return explainDecision(decoded, input.campaigns).verdict
    }
    expect(verdictOf(suppressedBy('holdout'))).toMatch(/^Held out/)
    expect(verdictOf(suppressedBy('consent'))).toMatch(/left nothing to choose from/)
  })

  it('shows a fixed split: shares for scores', () => {
    const arms = [
      { id: 'control', share: 0.25, control: true },
      { id: 'a', share: 0.75, control: false, treatment: 'a/email' },
    ]
    const split = makeInput([
      makeCampaign(makeSpec('test', spec.treatments.slice(0, 2), arms), { arm: 'control' }),
    ])
    const shown = explainDecision(decodeDecision(decide(split).record), split.campaigns)
    expect(
      shown.drawn.map(({ treatmentId, probability, score }) => [treatmentId, probability, score]),
    ).toEqual([['a/email', 0.75, null]])
    expect(shown.excluded[0]).toMatchObject({ treatmentId: 'b/email', by: 'not-in-arm' })
    expect(shown.nothing).toEqual({ probability: 0.25, isChosen: true })
    expect(formatExplanation(shown, 'EUR')).toContain('To do nothing was drawn, with probability 25.0 %.')
  })
})

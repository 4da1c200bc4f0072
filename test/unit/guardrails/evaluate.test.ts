import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allow, type Guardrail, type GuardrailFacts, type Verdict } from '#contracts/guardrail.ts'
import { type CandidateToJudge, createGuardrailRunner } from '../../../src/guardrails/run/evaluate.ts'
import { loadGuardrails } from '../../../src/guardrails/run/load-guardrails.ts'
import { anyFacts } from './arbitraries.ts'
import { factsWith } from './facts.ts'

const guardrails = await loadGuardrails()
const runner = createGuardrailRunner(guardrails)

const saying = (name: string, verdict: Verdict): Guardrail => ({ name, check: () => verdict })
const suppress: Verdict = { kind: 'suppress', reason: 'no', inputs: {} }
const deferTo = (untilMs: number): Verdict => ({ kind: 'defer', untilMs, reason: 'later', inputs: {} })

test('every file of the folder is a guardrail', () => {
  expect(runner.names).toEqual([
    'budget',
    'campaign-state',
    'consent',
    'frequency-cap',
    'goal-met',
    'holdout',
    'kill-switch',
    'offer-valid',
    'quiet-hours',
    'send-address',
    'suppression',
  ])
})

describe('the strictest verdict wins', () => {
  test.each([
    ['suppress beats defer', [saying('a', deferTo(9)), saying('b', suppress), saying('c', allow)], 'b'],
    ['the latest deferral', [saying('a', deferTo(5)), saying('b', deferTo(9)), saying('c', deferTo(9))], 'b'],
    ['the first suppression by name', [saying('b', suppress), saying('a', suppress)], 'a'],
    ['nobody', [saying('a', allow)], ''],
  ])('%s', (_, given, by) => {
    expect(createGuardrailRunner(given).evaluate(factsWith()).by).toBe(by)
  })

  test('all reasons are kept, in the order of their names', () => {
    const { objections } = createGuardrailRunner([
      saying('c', suppress),
      saying('a', deferTo(1)),
      saying('b', allow),
    ]).evaluate(factsWith())
    expect(objections).toEqual([
      { guardrail: 'a', verdict: deferTo(1) },
      { guardrail: 'c', verdict: suppress },
    ])
  })

  test('two guardrails of one name are a programmer’s fault', () => {
    expect(() => createGuardrailRunner([saying('a', allow), saying('a', suppress)])).toThrow('one name')
  })
})

test('the order in which guardrails are given has no influence', () => {
  const permutation = fc.shuffledSubarray(guardrails, { minLength: guardrails.length })
  fc.assert(
    fc.property(anyFacts, permutation, (facts, shuffled) => {
      expect(createGuardrailRunner(shuffled).evaluate(facts)).toEqual(runner.evaluate(facts))
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('many candidates at once get the outcomes that each gets alone', () => {
  fc.assert(
    fc.property(anyFacts, fc.array(anyFacts, { maxLength: 6 }), (base, others) => {
      const pairs = [base, ...others].flatMap(({ campaign, candidate }) => [
        { campaign, candidate },
        { campaign, candidate: { ...candidate, costMicros: 2_000_000 } },
        {
          campaign: base.campaign,
          candidate: { ...candidate, offer: { ...candidate.offer, available: true } },
        },
      ])
      const { campaign: _, candidate: __, ...shared } = base
      const flat = pairs.map(({ campaign, candidate }) => toJudge(campaign, candidate))
      expect(runner.evaluateMany(shared, flat)).toEqual(
        pairs.map((pair) => runner.evaluate({ ...base, ...pair })),
      )
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('treatments of the campaign itself get the outcomes that each gets alone, also where a guardrail clears all', () => {
  fc.assert(
    fc.property(anyFacts, (some) => {
      const facts = withTreatments(some)
      const { campaign, candidate, ...base } = facts
      const own = campaign.spec.treatments.map((treatment, treatmentIndex) => {
        return { campaign, treatmentIndex, treatment, address: candidate.address }
      })
      expect(runner.evaluateMany(base, own)).toEqual(
        own.map(({ treatment: { channel, costMicros, offer }, address }) =>
          runner.evaluate({ ...facts, candidate: { channel, costMicros, offer, address } }),
        ),
      )
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('a guardrail that clears a campaign objects to none of its treatments', () => {
  let cleared = 0
  fc.assert(
    fc.property(anyFacts, (some) => {
      const facts = withTreatments(some)
      for (const guardrail of guardrails) {
        if (guardrail.clears?.(facts) !== true) continue
        cleared += 1
        for (const { channel, costMicros, offer } of facts.campaign.spec.treatments) {
          const candidate = { ...facts.candidate, channel, costMicros, offer }
          expect(guardrail.check({ ...facts, candidate })).toEqual(allow)
        }
      }
    }),
    { seed: 1, numRuns: 500 },
  )
  expect(cleared).toBeGreaterThan(0)
})

test('what is allowed is one shared outcome that nobody can change', () => {
  const facts = factsWith()
  const { campaign, candidate, ...base } = facts
  const outcome = runner.evaluate(facts)
  expect(outcome).toEqual({ verdict: allow, by: '', objections: [] })
  expect(runner.evaluateMany(base, [toJudge(campaign, candidate)])[0]).toBe(outcome)
  expect(Object.isFrozen(outcome) && Object.isFrozen(outcome.objections)).toBe(true)
})

function toJudge(
  campaign: GuardrailFacts['campaign'],
  candidate: GuardrailFacts['candidate'],
): CandidateToJudge {
  return { campaign, treatmentIndex: -1, treatment: candidate, address: candidate.address }
}

/** Its campaign proposes the candidate itself, the same at another cost, and one with a plain offer. */
function withTreatments(facts: GuardrailFacts): GuardrailFacts {
  const { channel, costMicros, offer } = facts.candidate
  const plain = { id: 'plain', name: 'Plain', value: 1, available: true, facts: {} }
  const treatments = [
    { channel, costMicros, offer },
    { channel, costMicros: 2_000_000, offer: plain },
    { channel, costMicros: 0, offer: plain },
  ].map((own) => ({
    ...own,
    treatmentId: `${own.offer.id}/${channel}`,
    valueMicros: 0,
    lever: 1,
    variants: [],
  }))
  // Half of the time without the candidate's own offer, so that some campaigns are cleared.
  const kept = facts.now % 2 === 0 ? treatments : treatments.slice(1)
  return { ...facts, campaign: { ...facts.campaign, spec: { ...facts.campaign.spec, treatments: kept } } }
}

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChannelName } from '#contracts/campaign.ts'
import {
  allow,
  type Guardrail,
  type GuardrailFacts,
  type GuardrailOutcome,
  type Verdict,
} from '#contracts/guardrail.ts'
import { createGuardrailRunner } from '../../../src/guardrails/run/evaluate.ts'
import { loadGuardrails } from '../../../src/guardrails/run/load-guardrails.ts'
import { anyFacts } from './arbitraries.ts'
import { factsWith } from './facts.ts'

const address = fc.constantFrom('ada@example.com', null)
const guardrails = await loadGuardrails()
const runner = createGuardrailRunner(guardrails)

const saying = (name: string, verdict: Verdict): Guardrail => ({ name, check: () => verdict })
const suppress: Verdict = { kind: 'suppress', reason: 'no', inputs: {} }
const deferTo = (untilMs: number): Verdict => ({ kind: 'defer', untilMs, reason: 'later', inputs: {} })

test('every file of the folder is a guardrail', () => {
  expect(runner.names).toEqual([
    'budget',
    'campaign-changed',
    'campaign-state',
    'consent',
    'frequency-cap',
    'goal-met',
    'holdout',
    'in-stock',
    'journey',
    'kill-switch',
    'least-gap',
    'offer-valid',
    'quiet-hours',
    'send-address',
    'suppression',
    'warm-up',
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

test('the treatments of several campaigns get the outcomes that each gets alone', () => {
  const reached = fc.record({ email: address, sms: address })
  fc.assert(
    fc.property(anyFacts, fc.array(anyFacts, { maxLength: 4 }), reached, (some, others, addresses) => {
      const { campaign: _, candidate: __, ...base } = some
      const campaigns = [some, ...others].map((facts) => withTreatments(facts).campaign)
      const addressOf = (channel: ChannelName) => (channel in addresses ? addresses[channel as 'sms'] : null)
      const alone = campaigns.map((campaign) =>
        campaign.spec.treatments.map(({ channel, costMicros, offer }) => {
          const candidate = { channel, costMicros, offer, address: addressOf(channel) }
          return runner.evaluate({ ...base, campaign, candidate })
        }),
      )
      const judged = runner.evaluateTreatments(base, campaigns, addressOf)
      expect(judged).toEqual(alone.map((outcomes) => (outcomes.every(isAllowed) ? null : outcomes)))
    }),
    { seed: 1, numRuns: 800 },
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
  const outcome = runner.evaluate(factsWith())
  expect(outcome).toEqual({ verdict: allow, by: '', objections: [] })
  expect(runner.evaluate(factsWith())).toBe(outcome)
  expect(Object.isFrozen(outcome) && Object.isFrozen(outcome.objections)).toBe(true)
})

function isAllowed({ verdict }: GuardrailOutcome): boolean {
  return verdict.kind === 'allow'
}

/** Its campaign proposes the candidate itself, and plain offers at other costs and in the other channel. */
function withTreatments(facts: GuardrailFacts): GuardrailFacts {
  const { channel, costMicros, offer } = facts.candidate
  const plain = { id: 'plain', name: 'Plain', value: 1, available: true, facts: {} }
  const treatments = [
    { channel, costMicros, offer },
    { channel, costMicros: 2_000_000, offer: plain },
    { channel, costMicros: 0, offer: plain },
    { channel: channel === 'sms' ? ('email' as const) : ('sms' as const), costMicros: 0, offer: plain },
  ].map((own) => ({
    ...own,
    treatmentId: `${own.offer.id}/${own.channel}`,
    valueMicros: 0,
    lever: 1,
    variants: [],
  }))
  // Half of the time without the candidate's own offer, so that some campaigns are cleared.
  const kept = facts.now % 2 === 0 ? treatments : treatments.slice(1)
  return { ...facts, campaign: { ...facts.campaign, spec: { ...facts.campaign.spec, treatments: kept } } }
}

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadGuardrails } from '../../src/guardrails/run/load-guardrails.ts'
import { anyFacts } from '../unit/guardrails/arbitraries.ts'
import { factsWith } from '../unit/guardrails/facts.ts'

/** The only ones that bind transactional messages; `send-address` because there is nowhere to send to. */
const bindsTransactional = ['kill-switch', 'send-address', 'suppression']

/** What every guardrail keeps, whoever adds one. */
describe.each((await loadGuardrails()).map((guardrail) => ({ name: guardrail.name, guardrail })))(
  '$name',
  ({ guardrail }) => {
    test('has nothing against a plain message', () => {
      expect(guardrail.check(factsWith()).kind).toBe('allow')
      expect(guardrail.check(factsWith({ stage: 'claim', messageId: 'own' })).kind).toBe('allow')
    })

    test('objects to something', () => {
      expect(
        fc
          .sample(anyFacts, { seed: 1, numRuns: 500 })
          .some((facts) => guardrail.check(facts).kind !== 'allow'),
      ).toBe(true)
    })

    test('says the same of the same facts, leaves them alone, and gives reasons that can be recorded', () => {
      fc.assert(
        fc.property(anyFacts, (facts) => {
          const before = structuredClone(facts)
          const verdict = guardrail.check(facts)
          expect(guardrail.check(structuredClone(facts))).toEqual(verdict)
          expect(facts).toEqual(before)
          if (verdict.kind === 'allow') return
          expect(verdict.reason).toMatch(/^[a-z]+(_[a-z]+)*$/)
          expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict)
          if (verdict.kind === 'defer') expect(verdict.untilMs).toBeGreaterThan(facts.now)
        }),
        { seed: 1, numRuns: 300 },
      )
    })

    test('lets transactional messages pass, unless nothing at all may pass', () => {
      const facts = fc
        .sample(anyFacts, { seed: 2, numRuns: 300 })
        .map((each) => ({ ...each, transactional: true }))
      const objects = facts.some((each) => guardrail.check(each).kind !== 'allow')
      expect(objects).toBe(bindsTransactional.includes(guardrail.name))
    })

    test('looks at no more of a candidate than it says', () => {
      if (!('sharedBy' in guardrail)) return
      fc.assert(
        fc.property(anyFacts, fc.boolean(), fc.nat(), (facts, available, costMicros) => {
          const candidate = {
            ...facts.candidate,
            costMicros,
            offer: { ...facts.candidate.offer, id: 'other', available },
          }
          expect(guardrail.check({ ...facts, candidate })).toEqual(guardrail.check(facts))
        }),
        { seed: 3, numRuns: 200 },
      )
    })
  },
)

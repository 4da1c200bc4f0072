import { describe, expect, it } from 'vitest'
import type { DecisionChoice } from '#contracts/decision.ts'
import { decide } from '#decision/decide.ts'
import { decodeDecision } from '#decision/record.ts'
import { checkReplay } from '#decision/replay.ts'
import {
  makeCampaign,
  makeInput,
  makeSpec,
  makeTreatment,
  makeVariants,
  suppressedBy,
  withId,
} from './support.ts'

const mens = makeTreatment({ offerId: 'mens', variants: makeVariants(1, 1) })
const womens = makeTreatment({ offerId: 'womens' })
const test = makeSpec(
  'test',
  [mens, womens],
  [
    { id: 'control', share: 0.2, control: true },
    { id: 'mens', share: 0.5, control: false, treatment: 'mens/email' },
    { id: 'womens', share: 0.3, control: false, treatment: 'womens/email' },
  ],
)
const other = makeSpec('other', [makeTreatment({ offerId: 'other' })])

function inArm(arm: string, heldOut = false) {
  return makeInput([makeCampaign(other), makeCampaign(test, { arm, heldOut })])
}

describe('a fixed split', () => {
  it('lets the arm name the treatment, with its share as the probability', () => {
    const { choice, record } = decide(inArm('womens'))
    expect(choice).toMatchObject({ kind: 'treatment', candidateIndex: 2, variantIndex: 0, propensity: 0.3 })
    const decoded = decodeDecision(record)
    expect(decoded.candidates.map((c) => c.probability)).toEqual([0, 0.5, 0.3])
    expect(decoded.nothingProbability).toBe(0.2)
    expect(decoded.campaigns[1]).toMatchObject({ policy: 'fixed-split', arm: 'womens' })
  })

  it('multiplies by the variant, drawn by the decision', () => {
    const seen = new Set<number>()
    for (let i = 0; i < 40; i += 1) {
      const choice = decide(withId(inArm('mens'), i)).choice as Extract<DecisionChoice, { kind: 'treatment' }>
      expect(choice.propensity).toBe(0.25)
      seen.add(choice.variantIndex)
    }
    expect(seen).toEqual(new Set([0, 1]))
  })

  it('gives the control arm nothing', () => {
    expect(decide(inArm('control')).choice).toEqual({ kind: 'nothing', propensity: 0.2 })
  })

  it('gives everybody the treatment of an arm that was shipped, whatever arm they were in', () => {
    const { policy } = test
    if (policy.kind !== 'fixed-split') throw new Error('no split')
    const shipped = { ...test, policy: { ...policy, shipped: 'womens' } }
    for (const arm of ['control', 'mens', 'womens', '']) {
      const input = makeInput([makeCampaign(other), makeCampaign(shipped, { arm })])
      const { choice, record } = decide(input)
      expect(choice).toMatchObject({ kind: 'treatment', candidateIndex: 2, propensity: 1 })
      expect(decodeDecision(record).nothingProbability).toBe(0)
      expect(checkReplay(record, input)).toEqual({ kind: 'equal' })
    }
    const held = makeInput([makeCampaign(shipped, { arm: '', heldOut: true })])
    expect(decide(held).choice).toEqual({ kind: 'held-out' })
  })

  it('keeps every other campaign out, and says why', () => {
    const { candidates } = decodeDecision(decide(inArm('control')).record)
    expect(candidates[0]!.guardrails).toEqual({
      by: 'experiment',
      verdict: { kind: 'suppress', reason: 'other_campaign_runs_experiment', inputs: {} },
      objections: [
        {
          guardrail: 'experiment',
          verdict: { kind: 'suppress', reason: 'other_campaign_runs_experiment', inputs: {} },
        },
      ],
    })
    expect(candidates[1]!.guardrails.verdict.kind).toBe('allow')
  })

  it('keeps the reasons of guardrails beside the experiment, in the order of names', () => {
    const input = inArm('mens')
    input.candidates[0]!.guardrails = suppressedBy('consent', 'suppression')
    const { guardrails } = decodeDecision(decide(input).record).candidates[0]!
    expect(guardrails.objections.map((o) => o.guardrail)).toEqual(['consent', 'experiment', 'suppression'])
    expect(guardrails.by).toBe('consent')
  })

  it('chooses nobody where the arm’s treatment is excluded: no other steps in', () => {
    const input = inArm('mens')
    input.candidates[1]!.guardrails = suppressedBy('frequency-cap')
    expect(decide(input).choice).toEqual({ kind: 'none-eligible' })
  })

  it('steps aside for a customer who is held out of it', () => {
    const input = inArm('mens', true)
    for (const i of [1, 2]) input.candidates[i]!.guardrails = suppressedBy('holdout')
    const kinds = Array.from({ length: 60 }, (_, i) => decide(withId(input, i)).choice)
    expect(kinds.some((c) => c.kind === 'treatment' && c.candidateIndex === 0)).toBe(true)
    expect(kinds.every((c) => c.kind !== 'treatment' || c.candidateIndex === 0)).toBe(true)
    const everywhere = inArm('control')
    for (const candidate of everywhere.candidates) candidate.guardrails = suppressedBy('holdout')
    expect(decide(everywhere).choice).toEqual({ kind: 'held-out' })
  })

  it('lets the first of two experiments decide', () => {
    const second = makeSpec(
      'second',
      [makeTreatment({ offerId: 'second' })],
      [
        { id: 'control', share: 0.5, control: true },
        { id: 'on', share: 0.5, control: false, treatment: 'second/email' },
      ],
    )
    const campaigns = [makeCampaign(second, { arm: 'on' }), makeCampaign(test, { arm: 'mens' })]
    expect(decide(makeInput(campaigns)).choice).toMatchObject({ candidateIndex: 0, propensity: 0.5 })
    expect(decide(makeInput(campaigns.toReversed())).choice).toMatchObject({
      candidateIndex: 0,
      propensity: 0.25,
    })
  })

  it('adds up the shares of arms with one treatment', () => {
    const twice = makeSpec(
      'aa',
      [womens],
      [
        { id: 'control', share: 0.2, control: true },
        { id: 'one', share: 0.3, control: false, treatment: 'womens/email' },
        { id: 'two', share: 0.5, control: false, treatment: 'womens/email' },
      ],
    )
    expect(decide(makeInput([makeCampaign(twice, { arm: 'one' })])).choice).toMatchObject({ propensity: 0.8 })
  })

  it('chooses nobody for an arm that no longer runs', () => {
    const { choice, record } = decide(inArm('gone'))
    expect(choice).toEqual({ kind: 'none-eligible' })
    expect(decodeDecision(record).candidates[1]!.guardrails.verdict).toMatchObject({
      reason: 'arm_not_running',
    })
  })
})

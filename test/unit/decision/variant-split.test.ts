import { describe, expect, it } from 'vitest'
import type { CampaignSpec, TreatmentSpec } from '#contracts/campaign.ts'
import { variantKey } from '#contracts/stages.ts'
import { decide } from '#decision/decide.ts'
import { decodeDecision } from '#decision/record.ts'
import { variantSplit } from '#decision/variant-split.ts'
import {
  makeCampaign,
  makeInput,
  makeSnapshot,
  makeSpec,
  makeTreatment,
  makeVariants,
  withId,
} from './support.ts'

/** Sends and rewards by variant of the first treatment. */
function snapshotOf(seen: Record<string, [number, number]>, treatmentId = 'ten-percent/email') {
  const variants = new Map(
    Object.entries(seen).map(([id, numbers]) => [
      variantKey('welcome', treatmentId, id),
      Float64Array.from(numbers),
    ]),
  )
  return makeSnapshot({}, { variants })
}

const specOf = (...treatments: TreatmentSpec[]): CampaignSpec => makeSpec('welcome', treatments)

describe('the split of the variants', () => {
  it('is the marketer’s until something is known', () => {
    const spec = specOf(makeTreatment({ variants: makeVariants(3, 1) }))
    expect(variantSplit(makeSnapshot(), spec, 0)).toBeNull()
    const unseen = variantSplit(snapshotOf({ v0: [0, 0], gone: [900, 90] }), spec, 0)
    expect(unseen).toBeNull()
    const alike = variantSplit(snapshotOf({ v0: [400, 20], v1: [400, 20] }), spec, 0)!
    expect(alike[0]).toBeCloseTo(0.75, 9)
  })

  it('goes to the one that earns more, and leaves a share of the weights to every other', () => {
    const spec = specOf(makeTreatment({ variants: makeVariants(9, 1) }))
    const split = variantSplit(snapshotOf({ v0: [4_000, 160], v1: [1_000, 80] }), spec, 0)!
    expect(split[1]!).toBeGreaterThan(0.9)
    expect(split[0]!).toBeGreaterThanOrEqual(0.05 * 0.9)
    expect(split[0]! + split[1]!).toBeCloseTo(1, 12)
  })

  it('inherits from the tags of other treatments’ variants', () => {
    const tagged = (tags: string[]) =>
      makeVariants(1, 1).map((variant, v) => ({
        ...variant,
        template: { ...variant.template, ...(tags[v] === '' ? {} : { tags: [tags[v]!] }) },
      }))
    const spec = specOf(
      makeTreatment({ variants: tagged(['question', 'statement']) }),
      makeTreatment({ offerId: 'new', variants: tagged(['statement', 'question']) }),
    )
    const split = variantSplit(snapshotOf({ v0: [3_000, 300], v1: [3_000, 90] }), spec, 1)!
    expect(split[1]!).toBeGreaterThan(0.6)
  })

  it('is what is drawn from and what is logged; an experiment keeps the marketer’s', () => {
    const treatment = makeTreatment({ variants: makeVariants(1, 1) })
    const snapshot = { ...snapshotOf({ v0: [3_000, 30], v1: [3_000, 300] }), t: 100 }
    const learned = makeInput([makeCampaign(specOf(treatment))], { snapshot })
    const drawn = Array.from({ length: 400 }, (_, i) => decide(withId(learned, i))).filter(
      ({ choice }) => choice.kind === 'treatment',
    )
    const second = drawn.filter(({ choice }) => choice.kind === 'treatment' && choice.variantIndex === 1)
    expect(second.length / drawn.length).toBeGreaterThan(0.9)
    const { variantId, candidates } = decodeDecision(second[0]!.record)
    expect(variantId).toBe('v1')
    expect(candidates[0]!.variantProbabilities).toEqual([
      ...variantSplit(snapshot, learned.campaigns[0]!.spec, 0)!,
    ])
    const arms = [
      { id: 'control', share: 0.5, control: true },
      { id: 'a', share: 0.5, control: false, treatment: 'ten-percent/email' },
    ]
    const compared = makeInput([makeCampaign(makeSpec('welcome', [treatment], arms), { arm: 'a' })], {
      snapshot,
    })
    expect(decodeDecision(decide(compared).record).candidates[0]!.variantProbabilities).toEqual([0.5, 0.5])
  })
})

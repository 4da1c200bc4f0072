import type { DecisionChoice, DecisionInput } from '#contracts/decision.ts'
import type { Random } from '#contracts/random.ts'
import { dueAtOf } from './eligibility.ts'
import type { WorkingSpace } from './working-space.ts'

/** The single hour slot: now, or when the deferral ends. */
export const hourSlotProbability = 1

/** The stages after the treatment: variant by weight, then the hour slot. The propensity is the product. */
export function chooseVariant(
  input: DecisionInput,
  candidateIndex: number,
  treatmentProbability: number,
  random: Random,
  space: WorkingSpace,
): DecisionChoice {
  const candidate = input.candidates[candidateIndex]!
  const { spec } = input.campaigns[candidate.campaignIndex]!
  const { variants } = spec.treatments[candidate.treatmentIndex]!
  const { length } = variants
  if (space.variantProbabilities.length < length) space.variantProbabilities = new Float64Array(length)
  let total = 0
  for (let v = 0; v < length; v += 1) total += variants[v]!.weight
  for (let v = 0; v < length; v += 1) space.variantProbabilities[v] = variants[v]!.weight / total
  space.variantCount = length
  const variantIndex = draw(space.variantProbabilities, length, random.next())
  const propensity = treatmentProbability * space.variantProbabilities[variantIndex]! * hourSlotProbability
  return { kind: 'treatment', candidateIndex, variantIndex, propensity, dueAt: dueAtOf(input, candidate) }
}

/** Index that a uniform number falls on. Where rounding leaves a rest at the end, the last one possible. */
export function draw(probabilities: ArrayLike<number>, count: number, uniform: number): number {
  let below = 0
  let last = 0
  for (let i = 0; i < count; i += 1) {
    const probability = probabilities[i]!
    if (probability <= 0) continue
    below += probability
    if (uniform < below) return i
    last = i
  }
  return last
}

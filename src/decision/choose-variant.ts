import type { DecisionChoice, DecisionInput } from '#contracts/decision.ts'
import type { Random } from '#contracts/random.ts'
import { chooseSlot } from './choose-slot.ts'
import { draw } from './draw.ts'
import type { WorkingSpace } from './working-space.ts'

/**
 * The stages after the treatment: variant, then hour slot. The propensity is the product.
 *
 * @param split of the variants, as learned; null: by the marketer's weights
 */
export function chooseVariant(
  input: DecisionInput,
  candidateIndex: number,
  treatmentProbability: number,
  split: Float64Array | null,
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
  for (let v = 0; v < length; v += 1) {
    space.variantProbabilities[v] = split === null ? variants[v]!.weight / total : split[v]!
  }
  space.variantCount = length
  const variantIndex = draw(space.variantProbabilities, length, random.next())
  const beforeHour = treatmentProbability * space.variantProbabilities[variantIndex]!
  const { dueAt, probability } = chooseSlot(input, candidateIndex, random, space)
  return { kind: 'treatment', candidateIndex, variantIndex, propensity: beforeHour * probability, dueAt }
}

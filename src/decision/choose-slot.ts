import type { DecisionInput } from '#contracts/decision.ts'
import type { Random } from '#contracts/random.ts'
import { draw } from './draw.ts'
import { dueAtOf } from './eligibility.ts'
import { slotProbabilities } from './send-time.ts'
import type { WorkingSpace } from './working-space.ts'

/** The single slot "now, or when the deferral ends". */
const singleSlotProbability = 1

/**
 * The hour stage of the chosen candidate. Campaigns without it have a single slot, of probability 1, and
 * draw nothing for it.
 */
export function chooseSlot(
  input: DecisionInput,
  candidateIndex: number,
  random: Random,
  space: WorkingSpace,
): { dueAt: number; probability: number } {
  const candidate = input.candidates[candidateIndex]!
  const sendSlots = input.sendSlots?.(candidateIndex) ?? null
  if (sendSlots === null) return { dueAt: dueAtOf(input, candidate), probability: singleSlotProbability }
  const { campaignId } = input.campaigns[candidate.campaignIndex]!
  const probabilities = slotProbabilities(input.snapshot, campaignId, sendSlots)
  const slotIndex = draw(probabilities, probabilities.length, random.next())
  space.hour = { sendSlots, probabilities, slotIndex }
  return { dueAt: sendSlots.slots[slotIndex]!.dueAt, probability: probabilities[slotIndex]! }
}

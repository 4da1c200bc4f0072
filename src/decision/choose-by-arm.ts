import type { Experiment } from '#contracts/campaign.ts'
import type { DecisionChoice, DecisionInput } from '#contracts/decision.ts'
import type { Random } from '#contracts/random.ts'
import { chooseVariant } from './choose-variant.ts'
import { holdoutObjects, isUsable } from './eligibility.ts'
import { armNotRunning, otherCampaignRunsExperiment, type WorkingSpace } from './working-space.ts'

/**
 * Index of the campaign whose fixed split decides, −1 without one: the first that the customer is not held
 * out of. It decides even where guardrails exclude all it has: were another campaign to step in, the arms of
 * the experiment would differ by more than their treatments.
 */
export function decidingExperiment(input: DecisionInput): number {
  for (let index = 0; index < input.campaigns.length; index += 1) {
    const { spec, heldOut } = input.campaigns[index]!
    if (spec.policy.kind === 'fixed-split' && !heldOut && !isHeldOutOf(input, index)) return index
  }
  return -1
}

/**
 * The customer's arm names the treatment. The arm was drawn when the customer was assigned, by a stable hash
 * with the arms' shares; so the probability of a treatment is the share of the arms that name it, and that
 * of nothing the share of the arms that name none. Once an arm was shipped everybody gets its treatment.
 */
export function chooseByArm(
  input: DecisionInput,
  campaignIndex: number,
  random: Random,
  space: WorkingSpace,
): DecisionChoice {
  const campaign = input.campaigns[campaignIndex]!
  const { arms, shipped } = experimentOf(input, campaignIndex)
  const armId = shipped ?? campaign.arm
  const arm = arms.find(({ id, share }) => id === armId && share > 0)
  excludeOthers(input, campaignIndex, arm !== undefined, space)
  if (arm === undefined) return { kind: 'none-eligible' }
  // The treatment stage has its uniform here too, though the arm was drawn before.
  random.next()
  const nothing = shareOf(arms, undefined)
  if (arm.treatment === undefined) {
    writeShares(input, campaignIndex, space)
    space.nothingProbability = nothing
    return { kind: 'nothing', propensity: nothing }
  }
  const chosen = input.candidates.findIndex(
    (candidate) =>
      candidate.campaignIndex === campaignIndex &&
      campaign.spec.treatments[candidate.treatmentIndex]!.treatmentId === arm.treatment,
  )
  const candidate = input.candidates[chosen]
  if (candidate === undefined || !isUsable(input, candidate)) return { kind: 'none-eligible' }
  writeShares(input, campaignIndex, space)
  space.nothingProbability = nothing
  return chooseVariant(input, chosen, shareOf(arms, arm.treatment), null, random, space)
}

function isHeldOutOf(input: DecisionInput, campaignIndex: number): boolean {
  return input.candidates.some((c) => c.campaignIndex === campaignIndex && holdoutObjects(c.guardrails))
}

function experimentOf(
  input: DecisionInput,
  campaignIndex: number,
): { arms: Experiment['arms']; shipped: string | undefined } {
  const { policy } = input.campaigns[campaignIndex]!.spec
  if (policy.kind !== 'fixed-split') throw new TypeError(`campaign ${campaignIndex} runs no experiment`)
  const { experiment, shipped } = policy
  if (shipped === undefined) return { arms: experiment.arms, shipped }
  const only = experiment.arms.filter(({ id }) => id === shipped).map((arm) => ({ ...arm, share: 1 }))
  return { arms: only, shipped }
}

/** Candidates of all other campaigns; of this one too, where the customer's arm no longer runs. */
function excludeOthers(
  input: DecisionInput,
  campaignIndex: number,
  armRuns: boolean,
  space: WorkingSpace,
): void {
  space.isExperiment = true
  input.candidates.forEach((candidate, index) => {
    const isOther = candidate.campaignIndex !== campaignIndex
    space.experimentReason[index] = isOther ? otherCampaignRunsExperiment : armRuns ? 0 : armNotRunning
    space.armShare[index] = 0
  })
}

/** Usable treatments have their arms' share, whichever arm the customer is in. */
function writeShares(input: DecisionInput, campaignIndex: number, space: WorkingSpace): void {
  const { treatments } = input.campaigns[campaignIndex]!.spec
  const { arms } = experimentOf(input, campaignIndex)
  input.candidates.forEach((candidate, index) => {
    if (candidate.campaignIndex !== campaignIndex || !isUsable(input, candidate)) return
    const { treatmentId } = treatments[candidate.treatmentIndex]!
    space.armShare[index] = shareOf(arms, treatmentId)
  })
}

/** Share of the arms with this treatment; `undefined`: of those without one. */
function shareOf(arms: Experiment['arms'], treatmentId: string | undefined): number {
  let share = 0
  for (const arm of arms) if (arm.treatment === treatmentId) share += arm.share
  return Math.min(1, share)
}

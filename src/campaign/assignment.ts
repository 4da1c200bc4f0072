import type { CampaignSpec, Experiment } from '#contracts/campaign.ts'
import type { Profile } from '#contracts/profile.ts'
import { stableShare } from '#platform/ids/ids.ts'

/**
 * Whether a customer is held out of a campaign, and the arm of its experiment ('' without one): a stable
 * hash, so that the same customer always gets the same answer. Campaigns hold out independently of each
 * other; campaigns that share an experiment share its arms.
 *
 * @param unit the customer, or whom `unitOf` names
 */
export function assign(
  spec: CampaignSpec,
  workspace: string,
  unit: string,
): { heldOut: boolean; arm: string } {
  const heldOut = stableShare(workspace, 'holdout', spec.campaignId, unit) < spec.holdout
  // Who comes after an arm was shipped is in no arm: the comparison is over.
  if (spec.policy.kind !== 'fixed-split' || spec.policy.shipped !== undefined) return { heldOut, arm: '' }
  const { experiment } = spec.policy
  return { heldOut, arm: armAt(experiment, stableShare(workspace, 'arm', experiment.id, unit)) }
}

/**
 * What is held out and drawn as one: where the goal is an account's, all its customers, so that what one of them
 * was sent is not measured in another arm. Who belongs to several goes with the first by its id.
 */
export function unitOf({ goal }: CampaignSpec, customerId: string, { accounts }: Profile): string {
  const [first] = goal.per === 'account' ? Object.keys(accounts ?? {}).sort() : []
  return first === undefined ? customerId : `account:${first}`
}

/** The experiment that a campaign runs, null without one and after an arm was shipped. */
export function runningExperiment({ policy }: CampaignSpec): Experiment | null {
  return policy.kind === 'fixed-split' && policy.shipped === undefined ? policy.experiment : null
}

/**
 * Whether the slots of the experiment's group leave this customer to others: then the campaign is not for
 * them. The group has a hash of its own, so that slots say nothing about arms.
 */
export function isOutsideGroup({ group }: Experiment, workspace: string, customerId: string): boolean {
  if (group === undefined) return false
  const slot = Math.floor(stableShare(workspace, 'experiment-group', group.id, customerId) * groupSlots)
  return slot < group.from || slot >= group.until
}

const groupSlots = 100

/** Whether the customer is among the `share` of the workspace's customers who get nothing at all. */
export function isGloballyHeldOut(workspace: string, customerId: string, share: number): boolean {
  return share > 0 && stableShare(workspace, 'global-holdout', customerId) < share
}

/** The arm whose stretch of [0, 1) holds `point`. */
function armAt({ arms }: Experiment, point: number): string {
  let end = 0
  for (const { id, share } of arms) {
    end += share
    if (point < end) return id
  }
  // Shares may add up to a hair less than 1.
  return arms.findLast(({ share }) => share > 0)?.id ?? ''
}

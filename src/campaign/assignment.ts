import type { CampaignSpec, Experiment } from '#contracts/campaign.ts'
import { stableShare } from '#platform/ids/ids.ts'

/**
 * Whether a customer is held out of a campaign, and the arm of its experiment ('' without one): a stable
 * hash, so that the same customer always gets the same answer. Campaigns hold out independently of each
 * other; campaigns that share an experiment share its arms.
 */
export function assign(
  spec: CampaignSpec,
  workspace: string,
  customerId: string,
): { heldOut: boolean; arm: string } {
  const heldOut = stableShare(workspace, 'holdout', spec.campaignId, customerId) < spec.holdout
  if (spec.policy.kind !== 'fixed-split') return { heldOut, arm: '' }
  const { experiment } = spec.policy
  return { heldOut, arm: armAt(experiment, stableShare(workspace, 'arm', experiment.id, customerId)) }
}

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

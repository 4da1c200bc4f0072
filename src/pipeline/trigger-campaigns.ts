import { enterCadence } from './cadence/enter-cadence.ts'
import { decideForTrigger } from './decide-for-trigger.ts'
import type { DecisionParts, TriggeredDecision } from './decision-input.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'

/**
 * What a trigger brings about: one decision among all campaigns of a single message, and a journey in each
 * cadence, whose touches decide by themselves. Returns how many decisions were made.
 */
export function triggerCampaigns(
  parts: DecisionParts,
  rows: WorkspaceBatch,
  triggered: Omit<TriggeredDecision, 'touch'>,
): number {
  if (triggered.campaigns.length === 0) return 0
  const before = rows.written.decisions.length
  const singles = triggered.campaigns.filter(({ cadence }) => cadence === null)
  if (singles.length > 0) decideForTrigger(parts, rows, { ...triggered, campaigns: singles })
  for (const campaign of triggered.campaigns) {
    if (campaign.cadence !== null) enterCadence(parts, rows, campaign, triggered)
  }
  return rows.written.decisions.length - before
}

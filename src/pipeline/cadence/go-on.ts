import type { Customer } from '#contracts/profile.ts'
import { messageIdOf } from '#platform/ids/ids.ts'
import { advance } from '../../campaign/advance.ts'
import { zoneOf } from '../customer-zone.ts'
import { decideForTrigger } from '../decide-for-trigger.ts'
import type { DecisionParts } from '../decision-input.ts'
import type { WorkspaceBatch } from '../workspace-batch.ts'
import { type Followed, noteJourney } from './journeys-of.ts'

/** Takes a journey as far as it goes now; each touch on the way is a decision of its own. */
export function goOn(
  parts: DecisionParts,
  rows: WorkspaceBatch,
  { journey, campaign }: Followed,
  at: { customer: Customer; now: number; receivedAt: number },
): void {
  const { cadence } = campaign
  if (cadence === null) throw new Error(`version ${journey.version} of ${journey.campaignId} has no steps`)
  const { customer, now, receivedAt } = at
  const { event, since } = journey.seen
  const steps = advance(cadence, journey, {
    moment: { profile: customer.profile, now, event },
    zone: zoneOf(rows, customer.customerId),
    touch(step, sequence) {
      const decided = decideForTrigger(parts, rows, {
        customer,
        campaigns: [campaign],
        trigger: { kind: 'timer', triggerId: journey.journeyId, step: sequence },
        now,
        receivedAt,
        event,
        since,
        touch: { journeyId: journey.journeyId, treatmentIds: step.treatmentIds },
      })
      if (decided === null) return { result: 'outside-audience', decisionId: '', messageId: '' }
      const { input, decision } = decided
      const { choice } = decision
      const { decisionId } = input
      if (choice.kind !== 'treatment') return { result: choice.kind, decisionId, messageId: '' }
      const { treatmentIndex } = input.candidates[choice.candidateIndex]!
      const { treatmentId } = campaign.version.spec.treatments[treatmentIndex]!
      return { result: treatmentId, decisionId, messageId: messageIdOf(decisionId, 0) }
    },
  })
  rows.written.journeySteps.push(...steps)
  noteJourney(rows, journey)
}

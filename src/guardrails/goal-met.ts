import { allow } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** Who has done since the decision what the message was to bring about does not get it any more. */
export const guardrail: SharedGuardrail = {
  name: 'goal-met',
  sharedBy: 'campaign-and-channel',
  check({ transactional, campaign }) {
    return campaign.goalMet && !transactional
      ? { kind: 'suppress', reason: 'goal_met', inputs: { goal: campaign.spec.goal.id } }
      : allow
  },
}

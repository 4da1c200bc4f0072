import { allow } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** Who has left a cadence gets nothing more of it, also of what was decided before. */
export const guardrail: SharedGuardrail = {
  name: 'journey',
  sharedBy: 'campaign-and-channel',
  check({ transactional, campaign: { journeyLeft = '' } }) {
    return journeyLeft !== '' && !transactional
      ? { kind: 'suppress', reason: 'journey_left', inputs: { because: journeyLeft } }
      : allow
  },
}

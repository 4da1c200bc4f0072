import { allow } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** What was decided by words, an audience or a goal that the campaign no longer has is not sent. */
export const guardrail: SharedGuardrail = {
  name: 'campaign-changed',
  sharedBy: 'campaign-and-channel',
  check({ transactional, campaign: { changed, version } }) {
    return changed === true && !transactional
      ? { kind: 'suppress', reason: 'campaign_changed', inputs: { version } }
      : allow
  },
}

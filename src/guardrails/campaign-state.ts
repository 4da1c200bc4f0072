import { allow, pausedRetryMs } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** Only a live campaign decides and sends. What a pause finds in the queue waits, until it expires. */
export const guardrail: SharedGuardrail = {
  name: 'campaign-state',
  sharedBy: 'campaign-and-channel',
  check({ transactional, stage, now, campaign: { state } }) {
    if (transactional || state === 'live') return allow
    const inputs = { state }
    if (state === 'paused') {
      return stage === 'claim'
        ? { kind: 'defer', untilMs: now + pausedRetryMs, reason: 'campaign_paused', inputs }
        : { kind: 'suppress', reason: 'campaign_paused', inputs }
    }
    return { kind: 'suppress', reason: state === 'ended' ? 'campaign_ended' : 'campaign_not_live', inputs }
  },
}

import { allow } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** Held-out customers get nothing of what they are held out of: they show what happens without us. */
export const guardrail: SharedGuardrail = {
  name: 'holdout',
  sharedBy: 'campaign-and-channel',
  check({ transactional, customer, campaign }) {
    if (transactional || !(campaign.heldOut || customer.globalHoldout)) return allow
    const scope = customer.globalHoldout ? 'workspace' : 'campaign'
    return { kind: 'suppress', reason: 'held_out', inputs: { scope } }
  },
}

import { allow } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** A customer who said no is not asked again; where the workspace requires a yes, silence is a no. */
export const guardrail: SharedGuardrail = {
  name: 'consent',
  sharedBy: 'campaign-and-channel',
  check({ transactional, customer, settings, candidate: { channel } }) {
    if (transactional) return allow
    const state = customer.consents[channel]
    if (state === 'granted') return allow
    if (state === 'denied') return { kind: 'suppress', reason: 'consent_denied', inputs: { channel } }
    if (!settings.consentRequired.includes(channel)) return allow
    return { kind: 'suppress', reason: 'consent_missing', inputs: { channel } }
  },
}

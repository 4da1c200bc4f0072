import { allow } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** A bounce or a complaint forbids the address to every message, transactional ones too. */
export const guardrail: SharedGuardrail = {
  name: 'suppression',
  sharedBy: 'campaign-and-channel',
  check({ customer, candidate: { channel } }) {
    const cause = customer.suppressions[channel]
    return cause === undefined
      ? allow
      : { kind: 'suppress', reason: 'address_suppressed', inputs: { channel, cause } }
  },
}

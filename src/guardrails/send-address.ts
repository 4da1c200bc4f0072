import { allow } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** Nobody is reached in a channel in which no address of theirs is known. */
export const guardrail: SharedGuardrail = {
  name: 'send-address',
  sharedBy: 'campaign-and-channel',
  check({ candidate: { address, channel } }) {
    return address === null || address === ''
      ? { kind: 'suppress', reason: 'no_address', inputs: { channel } }
      : allow
  },
}

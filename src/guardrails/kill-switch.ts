import { allow } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** One switch stops everything of a workspace, transactional messages too. */
export const guardrail: SharedGuardrail = {
  name: 'kill-switch',
  sharedBy: 'campaign-and-channel',
  check({ workspace }) {
    return workspace.killSwitch ? { kind: 'suppress', reason: 'kill_switch', inputs: {} } : allow
  },
}

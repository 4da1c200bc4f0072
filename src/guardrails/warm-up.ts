import { allow, type Guardrail } from '#contracts/guardrail.ts'

/** A sender that mail providers do not know yet has sent what it may to this domain today: the rest waits. */
export const guardrail: Guardrail = {
  name: 'warm-up',
  check({ transactional, candidate: { warmUp } }) {
    if (warmUp === undefined || transactional || warmUp.sentToday < warmUp.sendsMax) return allow
    const { sentToday, sendsMax, nextDayAt } = warmUp
    return {
      kind: 'defer',
      untilMs: nextDayAt,
      reason: 'warm_up_day_full',
      inputs: { sentToday, sendsMax },
    }
  },
  // Known of the one candidate that is claimed, of none at the decision.
  clears: ({ transactional, candidate: { warmUp } }) => transactional || warmUp === undefined,
}

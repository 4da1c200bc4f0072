import { allow, type Guardrail } from '#contracts/guardrail.ts'

/** A send that would take the campaign over its budget does not happen; one that just fits does. */
export const guardrail: Guardrail = {
  name: 'budget',
  check({ transactional, campaign: { spec, spentMicros }, candidate: { costMicros } }) {
    const { budgetMicros } = spec
    if (budgetMicros === undefined || transactional || spentMicros + costMicros <= budgetMicros) return allow
    return { kind: 'suppress', reason: 'budget_spent', inputs: { spentMicros, costMicros, budgetMicros } }
  },
}

import type { CampaignSpec } from '#contracts/campaign.ts'
import { allow, type Guardrail } from '#contracts/guardrail.ts'

/** A send that would take the campaign over its budget does not happen; one that just fits does. */
export const guardrail: Guardrail = {
  name: 'budget',
  check({ transactional, campaign: { spec, spentMicros }, candidate: { costMicros } }) {
    const { budgetMicros } = spec
    if (budgetMicros === undefined || transactional || spentMicros + costMicros <= budgetMicros) return allow
    return { kind: 'suppress', reason: 'budget_spent', inputs: { spentMicros, costMicros, budgetMicros } }
  },
  clears({ transactional, campaign: { spec, spentMicros } }) {
    const { budgetMicros } = spec
    return budgetMicros === undefined || transactional || spentMicros + dearestOf(spec) <= budgetMicros
  },
}

/** Specs are immutable: the cost of the dearest send is looked for once. */
const dearest = new WeakMap<CampaignSpec, number>()

function dearestOf(spec: CampaignSpec): number {
  let costMicros = dearest.get(spec)
  if (costMicros === undefined) {
    costMicros = Math.max(0, ...spec.treatments.map((treatment) => treatment.costMicros))
    dearest.set(spec, costMicros)
  }
  return costMicros
}

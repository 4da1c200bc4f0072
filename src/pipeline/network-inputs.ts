import { type DecodedDecision, headKey, type PolicySnapshot } from '#contracts/decision.ts'
import type { StoreScope } from '#platform/store/store.ts'
import { type Contributions, sortedContributions } from '../decision/contributions.ts'
import type { DrawnCandidate } from '../decision/explain.ts'
import { createForwardNetwork } from '../learning/networks/forward.ts'
import { inputContributions } from '../learning/networks/input-contributions.ts'
import { modelIdOf } from '../learning/networks/network-features.ts'
import { openNetwork } from '../learning/networks/network-rows.ts'
import { featureSchemaFor } from './feature-schema-for.ts'
import { inputsAsOf, loadFeatureSources } from './features-as-of.ts'

/** What a decision over a network's bottleneck is made of, in terms of what the network looks at. */
export interface NetworkInputs {
  modelId: string
  /** Why it cannot be said any more; null where it can. */
  missing: string | null
  /** Those that are not 0. */
  inputs: { name: string; value: number }[]
  contributions: ({
    campaignId: string
    treatmentId: string
    /** Log-odds of a response with every input at 0; the others add to that. */
    atRest: number
  } & Contributions)[]
}

/**
 * The record holds the bottleneck; what the network saw is made again from the stored events, as they were known
 * then, and shown only where it gives the recorded bottleneck to the bit. Null where no network was asked.
 */
export async function networkInputsOf(
  scope: StoreScope,
  decoded: DecodedDecision,
  { customerId, drawn }: { customerId: string; drawn: readonly DrawnCandidate[] },
  snapshot: PolicySnapshot | null,
): Promise<NetworkInputs | null> {
  const modelId = modelIdOf(decoded.featureSchema)
  if (modelId === null) return null
  const db = scope.workspace(decoded.workspace)
  const missing = (reason: string): NetworkInputs => ({
    modelId,
    missing: reason,
    inputs: [],
    contributions: [],
  })
  const network = await openNetwork(db, modelId)
  const sources = await loadFeatureSources(scope, decoded.workspace)
  if (network === null || sources === null) return missing('the network is gone')
  const { featureSchema: name, featureSchemaHash: hash, shape, traits } = network.metadata
  const base = await featureSchemaFor(db, { name, learnedWith: { hash, by: `network ${modelId}` } })
  const { decisionId, decidedAt, trigger } = decoded
  const moment = { decisionId, customerId, decidedAt, traits }
  const asked = [{ ...moment, triggerKind: trigger.kind, triggerId: trigger.triggerId }]
  const input = (await inputsAsOf(db, asked, sources)).get(decisionId)
  if (input === undefined) return missing('the events that it was made of are gone')
  const x = base.vector(input).dense
  const again = createForwardNetwork(shape, network.weights).bottleneck(x)
  if (!again.every((value, unit) => value === decoded.features[unit + 1])) {
    return missing('what is known now of that moment is not what the decision saw')
  }
  const rest = x.map((value, i) => (base.names[i] === 'constant' ? value : 0))
  return {
    modelId,
    missing: null,
    inputs: Array.from(x, (value, i) => ({ name: base.names[i]!, value })).filter(({ value }) => value !== 0),
    contributions: drawn.flatMap(({ campaignId, treatmentId, contributions }) => {
      const head = snapshot?.heads.get(headKey(campaignId, treatmentId))
      if (contributions === null || head === undefined) return []
      const { atRest, byInput } = inputContributions({ shape, weights: network.weights }, head, { x, rest })
      const all = Array.from(byInput, (logOdds, i) => ({ name: base.names[i]!, value: x[i]!, logOdds }))
      return [{ campaignId, treatmentId, atRest, ...sortedContributions(all) }]
    }),
  }
}

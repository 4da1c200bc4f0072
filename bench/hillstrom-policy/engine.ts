import type { CampaignSpec, TreatmentSpec } from '#contracts/campaign.ts'
import { type DecisionInput, headKey, type PolicySnapshot } from '#contracts/decision.ts'
import { allowed } from '#contracts/guardrail.ts'
import { decide } from '#decision/decide.ts'
import { featureDimensions, featureSchemaV1 } from '#decision/features.ts'
import { decodeDecision } from '#decision/record.ts'
import { createBayesianHeads } from '#learning/bayesian-head.ts'
import { stableId } from '#platform/ids/ids.ts'
import { actions, type Customers, featuresOf } from './customers.ts'

/** What the engine makes of one customer: P of each action, and what it would do without exploring. */
export interface Judged {
  /** By action. */
  responses: Float64Array
  /** By score: `max(0, P − P₀) × value`, ties to the first. */
  byScore: number
  /** By raw P, "nothing" among them: what a naive learner takes. */
  byResponse: number
}

const campaignId = 'challenge'
const valueMicros = 1_000_000
const spec = makeSpec()
const decisionId = stableId('hillstrom', 'decision')

/** The product's heads, one per arm, taught the responses `y` of these customers in this order. */
export function learn(customers: Customers, rows: Iterable<number>, y: Float64Array): PolicySnapshot {
  const models = createBayesianHeads(featureDimensions)
  const heads = actions.map(() => models.create())
  let rewards = 0
  for (const row of rows) {
    models.teach(heads[customers.arms[row]!]!, featuresOf(customers, row), y[row] === 1 ? 1 : 0)
    rewards += 1
  }
  return {
    snapshotId: stableId('hillstrom', 'snapshot'),
    sequence: 1,
    t: 1 + rewards,
    boundMicros: valueMicros,
    featureSchema: featureSchemaV1,
    heads: new Map(
      actions.map((action, index) => [headKey(campaignId, headOf(action)), heads[index]!.weights]),
    ),
  }
}

/** The product's own decision for this customer, read back from its record. */
export function judge(snapshot: PolicySnapshot, features: Float64Array): Judged {
  const input: DecisionInput = {
    workspace: 'bench',
    decisionId,
    customerId: decisionId,
    trigger: { kind: 'import', triggerId: decisionId, step: 0 },
    decidedAt: 0,
    featureSchema: featureSchemaV1,
    features,
    snapshot,
    campaigns: [{ campaignId, version: 1, spec, heldOut: false, arm: '' }],
    candidates: spec.treatments.map(({ channel }, treatmentIndex) => ({
      campaignIndex: 0,
      treatmentIndex,
      channel,
      fatigue: 0,
      guardrails: allowed,
      missingVariables: [],
    })),
  }
  const { candidates } = decodeDecision(decide(input).record)
  const responses = new Float64Array(actions.length)
  for (const [action, { responseProbability }] of candidates.entries()) {
    responses[action] = responseProbability
  }
  responses[candidates.length] = candidates[0]!.unpromptedProbability
  return {
    responses,
    byScore: firstOfLargest([...candidates.map(({ scoreMicros }) => scoreMicros), 0]),
    byResponse: firstOfLargest(responses),
  }
}

function firstOfLargest(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i += 1) if (values[i]! > values[best]!) best = i
  return best
}

function headOf(action: (typeof actions)[number]): string {
  return action === 'nothing' ? 'nothing' : `${action}/email`
}

function makeSpec(): CampaignSpec {
  const treatments = actions
    .filter((action) => action !== 'nothing')
    .map((action): TreatmentSpec => {
      const template = {
        id: action,
        channel: 'email' as const,
        subject: '',
        html: '',
        text: '',
        defaults: {},
      }
      return {
        treatmentId: headOf(action),
        offer: { id: action, name: action, value: 1, available: true, facts: {} },
        channel: 'email',
        costMicros: 0,
        valueMicros,
        lever: 1,
        variants: [{ variantId: 'only', weight: 1, template }],
      }
    })
  return {
    campaignId,
    name: 'Challenge',
    goal: { id: 'goal', event: 'Order Completed', windowHours: 336 },
    alsoMeasure: [],
    trigger: { imported: true },
    treatments,
    policy: { kind: 'inverse-gap' },
    holdout: 0,
    frequencyCaps: [],
    expiresAfterMs: 86_400_000,
    features: [],
  }
}

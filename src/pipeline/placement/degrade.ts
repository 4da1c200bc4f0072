import type { LogAppend } from '#contracts/event-log.ts'
import { dayUtcOf, decisionIdOf } from '#platform/ids/ids.ts'
import { isUsable } from '../../decision/eligibility.ts'
import {
  type DecisionFacts,
  type DecisionParts,
  prepareDecision,
  type TriggeredDecision,
} from '../decision-input.ts'
import type { RunningCampaign } from '../workspace-context.ts'
import { appendOf, chosenPayload } from './decision-record.ts'
import type { PlacementAnswer } from './placement-request.ts'
import { rankedTreatment } from './ranked-treatments.ts'

/** A step of its own: were the late decision to be stored after all, it is another one. */
const degradedStep = 1000

/**
 * The answer that needs no waiting: the default treatment of the placement's first campaign that declares one.
 * The guardrails judge it by what is known by then; nothing is drawn, so there is no propensity, and nothing is
 * learned from it. The record is for people.
 */
export function degrade(
  parts: DecisionParts,
  facts: DecisionFacts,
  asked: TriggeredDecision,
  about: { placement: string; reason: 'timeout' | 'store_unavailable' },
): { answer: PlacementAnswer; record: LogAppend | null } {
  const { customer, now, receivedAt } = asked
  const { workspace } = facts.context.settings
  const answer: PlacementAnswer = {
    decisionId: null,
    customerId: customer.customerId,
    placement: about.placement,
    decidedAt: now,
    outcome: 'degraded',
    degraded: about.reason,
    repeated: false,
    treatments: [],
  }
  const trigger = { ...asked.trigger, step: degradedStep }
  const campaigns = asked.campaigns.filter(({ version }) => defaultOf(version.spec.trigger) !== undefined)
  const triggered = { ...asked, trigger, campaigns: campaigns.map(forEverybody) }
  const prepared = prepareDecision(parts, facts, triggered)
  if (prepared === null) return { answer, record: null }
  const { input } = prepared
  const candidateIndex = input.candidates.findIndex((candidate) => {
    const spec = input.campaigns[candidate.campaignIndex]?.spec
    const treatmentId = spec?.treatments[candidate.treatmentIndex]?.treatmentId
    return spec !== undefined && treatmentId === defaultOf(spec.trigger) && isUsable(input, candidate)
  })
  if (candidateIndex < 0) return { answer, record: null }
  const decisionId = decisionIdOf(workspace, customer.customerId, trigger, dayUtcOf(receivedAt))
  const variantIndex = likeliestVariant(input, candidateIndex)
  const given = { rank: 1, decisionId, propensity: null }
  const choice = { candidateIndex, variantIndex }
  answer.treatments = [rankedTreatment(facts, triggered, input, choice, given)]
  answer.decisionId = decisionId
  const record = appendOf({
    v: 1,
    workspace,
    eventId: decisionId,
    customerId: customer.customerId,
    kind: 'decision',
    occurredAt: now,
    receivedAt,
    payload: {
      placement: about.placement,
      ranks: [
        {
          decisionId,
          outcome: 'degraded',
          triggerId: trigger.triggerId,
          propensity: 0,
          snapshotId: '',
          excluded: {},
          record: '',
          chosen: chosenPayload(input, candidateIndex, variantIndex),
        },
      ],
      enrolments: [],
      unprompted: [],
    },
  })
  return { answer, record }
}

function defaultOf(trigger: RunningCampaign['version']['spec']['trigger']): string | undefined {
  return 'placement' in trigger ? trigger.default : undefined
}

/** A default is for whoever asks: who is in the audience is what nobody had the time to find out. */
function forEverybody(running: RunningCampaign): RunningCampaign {
  return { ...running, audience: () => true }
}

function likeliestVariant(
  { candidates, campaigns }: Parameters<typeof isUsable>[0],
  candidateIndex: number,
): number {
  const candidate = candidates[candidateIndex]
  const treatment = candidate && campaigns[candidate.campaignIndex]?.spec.treatments[candidate.treatmentIndex]
  const weights = treatment?.variants.map(({ weight }) => weight) ?? []
  return weights.indexOf(Math.max(...weights))
}

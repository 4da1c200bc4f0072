import type { Candidate, Decision, DecisionInput } from '#contracts/decision.ts'
import { dayUtcOf, decisionIdOf } from '#platform/ids/ids.ts'
import { decide } from '../../decision/decide.ts'

export interface DrawnRank {
  input: DecisionInput
  decision: Decision
}

/** Stands where a guardrail's name would: what a rank above has taken is no candidate any longer. */
export const rankedAbove = 'ranked-above'

/**
 * Draws up to `count` treatments without replacement. Each rank is a decision of its own, over what the ranks
 * above it have left, with its own id, seed and record: its propensity is the conditional probability at that
 * rank, and it replays by itself. A draw that gives no treatment ends the list.
 */
export function drawRanks(first: DecisionInput, count: number, receivedAt: number): DrawnRank[] {
  const ranks: DrawnRank[] = []
  let input = first
  for (let rank = 0; rank < count; rank += 1) {
    const decision = decide(input)
    const { choice } = decision
    // Nobody asked whether nothing is left: the first rank says why there is nothing at all.
    if (rank > 0 && choice.kind !== 'treatment' && choice.kind !== 'nothing') break
    ranks.push({ input, decision })
    if (choice.kind !== 'treatment') break
    if (rank + 1 < count) input = without(input, choice.candidateIndex, dayUtcOf(receivedAt))
  }
  return ranks
}

function without(input: DecisionInput, chosen: number, dayUtc: number): DecisionInput {
  const { workspace, customerId } = input
  const trigger = { ...input.trigger, step: input.trigger.step + 1 }
  return {
    ...input,
    trigger,
    decisionId: decisionIdOf(workspace, customerId, trigger, dayUtc),
    candidates: input.candidates.map((candidate, index) =>
      index === chosen ? takenAbove(candidate) : candidate,
    ),
  }
}

function takenAbove(candidate: Candidate): Candidate {
  const verdict = { kind: 'suppress', reason: 'ranked_above', inputs: {} } as const
  const objections = [...candidate.guardrails.objections, { guardrail: rankedAbove, verdict }]
  return { ...candidate, guardrails: { verdict, by: rankedAbove, objections } }
}

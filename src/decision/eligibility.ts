import type { Candidate, DecisionInput } from '#contracts/decision.ts'
import type { GuardrailOutcome } from '#contracts/guardrail.ts'

/** May be chosen: allowed or deferred, complete, and its campaign does not hold the customer out. */
export function isUsable(input: DecisionInput, candidate: Candidate): boolean {
  return (
    candidate.guardrails.verdict.kind !== 'suppress' &&
    candidate.missingVariables.length === 0 &&
    !input.campaigns[candidate.campaignIndex]!.heldOut
  )
}

/**
 * True where nothing but the holdout keeps the candidate from being usable: somebody who would also have
 * been capped or has not consented says nothing about what happens without us.
 */
export function isHeldOut(input: DecisionInput, candidate: Candidate): boolean {
  if (candidate.missingVariables.length > 0) return false
  let heldOut = input.campaigns[candidate.campaignIndex]!.heldOut
  for (const { guardrail, verdict } of candidate.guardrails.objections) {
    if (guardrail === holdoutGuardrail) heldOut = true
    else if (verdict.kind === 'suppress') return false
  }
  return heldOut
}

export function holdoutObjects(outcome: GuardrailOutcome): boolean {
  return outcome.objections.some(({ guardrail }) => guardrail === holdoutGuardrail)
}

/** When the chosen candidate's message is due: now, or when the deferral ends. */
export function dueAtOf(input: DecisionInput, candidate: Candidate): number {
  const { verdict } = candidate.guardrails
  return verdict.kind === 'defer' ? verdict.untilMs : input.decidedAt
}

const holdoutGuardrail = 'holdout'

import type { Decision, DecisionInput } from '#contracts/decision.ts'
import { decide } from '../decision/decide.ts'
import { decisionRowOf } from '../decision/decision-rows.ts'
import { type DecisionParts, prepareDecision, type TriggeredDecision } from './decision-input.ts'
import { enrol } from './enrol.ts'
import { followDecision } from './follow-decision.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'

/**
 * Candidates → guardrails → decision → message, for one trigger. Everything it changes is in `rows`. Null where
 * no campaign's audience has the customer.
 */
export function decideForTrigger(
  parts: DecisionParts,
  rows: WorkspaceBatch,
  triggered: TriggeredDecision,
): { input: DecisionInput; decision: Decision } | null {
  const prepared = prepareDecision(parts, rows, triggered)
  if (prepared === null) return null
  const { input, enrolments } = prepared
  for (const row of enrolments) enrol(rows, row)
  const decision = decide(input)
  rows.written.decisions.push(decisionRowOf(input, decision, triggered.receivedAt))
  followDecision(rows, triggered, input, decision)
  return { input, decision }
}

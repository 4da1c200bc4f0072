import { decide } from '../decision/decide.ts'
import { decisionRowOf } from '../decision/decision-rows.ts'
import { type DecisionParts, prepareDecision, type TriggeredDecision } from './decision-input.ts'
import { enrol } from './enrol.ts'
import { followDecision } from './follow-decision.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'

/** Candidates → guardrails → decision → message, for one trigger. Everything it changes is in `rows`. */
export function decideForTrigger(
  parts: DecisionParts,
  rows: WorkspaceBatch,
  triggered: TriggeredDecision,
): void {
  const prepared = prepareDecision(parts, rows, triggered)
  if (prepared === null) return
  const { input, enrolments } = prepared
  for (const row of enrolments) enrol(rows, row)
  const decision = decide(input)
  rows.written.decisions.push(decisionRowOf(input, decision, triggered.receivedAt))
  followDecision(rows, triggered, input, decision)
}

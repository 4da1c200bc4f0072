import type { Decision, DecisionInput } from '#contracts/decision.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { DecisionRow } from '#platform/store/schema.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { decidingExperiment } from './choose-by-arm.ts'
import { experimentGuardrail } from './working-space.ts'

/**
 * Stores decisions. A batch that runs again makes the same ids and bytes, so a row that is there stays.
 * Resolves to the number of rows written.
 */
export function insertDecisions(db: WorkspaceDb, rows: WorkspaceRowOf<'decisions'>[]): Promise<number> {
  return rows.length === 0 ? Promise.resolve(0) : db.bulkInsert('decisions', rows, 'ignore')
}

export async function loadDecision(db: WorkspaceDb, decisionId: string): Promise<DecisionRow | null> {
  const row = await db
    .selectFrom('decisions')
    .selectAll('decisions')
    .where('decisions.decision_id', '=', decisionId)
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? null : (row satisfies RowOf<'decisions'>)
}

/** Those of the ids that have a row. */
export async function storedDecisionIds(db: WorkspaceDb, decisionIds: readonly string[]): Promise<string[]> {
  if (decisionIds.length === 0) return []
  return (await db.recurring(existing, { decisionIds })).map((row) => row.decision_id)
}

const existing: RecurringQuery<{ decisionIds: readonly string[] }, { decision_id: string }> = {
  like: { decisionIds: 'keys' },
  build: (db, { decisionIds }) =>
    db.selectByKeys('decisions', 'decision_id', decisionIds).select('decisions.decision_id'),
}

/** Customer merge: what was decided for one now belongs to the other. The records keep the old id. */
export async function moveDecisions(
  db: WorkspaceDb,
  fromCustomer: string,
  intoCustomer: string,
): Promise<void> {
  await db
    .updateTable('decisions')
    .set({ customer_id: intoCustomer })
    .where('decisions.customer_id', '=', fromCustomer)
    .execute()
}

/** The row of a decision. `receivedAt` is the trigger's: it says in which day's partition the row lies. */
export function decisionRowOf(
  input: DecisionInput,
  { choice, record }: Decision,
  receivedAt: number,
): WorkspaceRowOf<'decisions'> {
  const chosen = choice.kind === 'treatment' ? input.candidates[choice.candidateIndex] : undefined
  const campaign = chosen === undefined ? undefined : input.campaigns[chosen.campaignIndex]
  const treatment = chosen === undefined ? undefined : campaign?.spec.treatments[chosen.treatmentIndex]
  const variant = choice.kind === 'treatment' ? treatment?.variants[choice.variantIndex] : undefined
  return {
    day_utc: dayUtcOf(receivedAt),
    decision_id: input.decisionId,
    customer_id: input.customerId,
    trigger_kind: input.trigger.kind,
    trigger_id: input.trigger.triggerId,
    decided_at: input.decidedAt,
    outcome: choice.kind,
    campaign_id: campaign?.campaignId ?? '',
    campaign_version: campaign?.version ?? 0,
    treatment_id: treatment?.treatmentId ?? '',
    variant_id: variant?.variantId ?? '',
    propensity: choice.kind === 'treatment' || choice.kind === 'nothing' ? choice.propensity : 0,
    snapshot_id: input.snapshot.snapshotId,
    excluded_json: JSON.stringify(excludedCounts(input)),
    record,
  }
}

/** Guardrail to the number of candidates that it, as the deciding one, excluded. */
function excludedCounts(input: DecisionInput): Record<string, number> {
  const experiment = decidingExperiment(input)
  const counts: Record<string, number> = {}
  for (const { campaignIndex, guardrails, missingVariables } of input.candidates) {
    let by = ''
    if (guardrails.verdict.kind === 'suppress') by = guardrails.by
    else if (experiment >= 0 && campaignIndex !== experiment) by = experimentGuardrail
    else if (missingVariables.length > 0) by = 'missing-variable'
    if (by !== '') counts[by] = (counts[by] ?? 0) + 1
  }
  return counts
}

/**
 * Records by decision id; one that was erased is missing. `days` (UTC, both inclusive) says which partitions
 * to look into.
 */
export async function loadRecords(
  db: WorkspaceDb,
  decisionIds: string[],
  days: { from: number; to: number },
): Promise<Map<string, Uint8Array>> {
  const rows = await db
    .selectByKeys('decisions', 'decision_id', decisionIds)
    .where('decisions.day_utc', '>=', days.from)
    .where('decisions.day_utc', '<=', days.to)
    .select(['decisions.decision_id', 'decisions.record'])
    .execute()
  return new Map(rows.map((row) => [row.decision_id, row.record]))
}

/** What triggered these decisions, with their records; one that was erased is missing. */
export async function loadDecisionsById(
  db: WorkspaceDb,
  decisionIds: readonly string[],
): Promise<Map<string, Pick<RowOf<'decisions'>, 'customer_id' | 'trigger_kind' | 'trigger_id' | 'record'>>> {
  if (decisionIds.length === 0) return new Map()
  const rows = await db
    .selectByKeys('decisions', 'decision_id', decisionIds)
    .select(['decisions.decision_id', 'decisions.customer_id', 'decisions.trigger_kind'])
    .select(['decisions.trigger_id', 'decisions.record'])
    .execute()
  return new Map(rows.map((row) => [row.decision_id, row]))
}

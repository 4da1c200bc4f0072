import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { decodeState, encodeState, type LearnerState } from './learner-state.ts'
import { type GateSettings, gateSettingsDefault } from './promotion-gate.ts'
import { encodeWeights } from './snapshot-codec.ts'
import { decodeSnapshot, type StoredSnapshot } from './snapshot-rows.ts'

/** A policy that is proposed and not live. */
export interface PolicyCandidate {
  candidateId: string
  proposedAt: number
  actor: string
  note: string
  state: RowOf<'policy_candidates'>['state']
  changes: RowOf<'policy_candidates'>['changes']
  sinceSnapshotId: string
  content: StoredSnapshot
  judgedAt: number
  /** As the gate gave it; null before it looked. */
  verdict: unknown
  /** The version that it became, '' before. */
  snapshotId: string
}

export interface PolicySettings extends GateSettings {
  /** The strategist promotes what passes the gate. */
  automatic: boolean
  /** After so many days what was learned counts half as much; null: nothing is forgotten. */
  forgetHalfLifeDays: number | null
}

export async function insertCandidate(
  db: WorkspaceDb,
  candidate: Pick<
    PolicyCandidate,
    'candidateId' | 'proposedAt' | 'actor' | 'note' | 'changes' | 'sinceSnapshotId' | 'content'
  > & { state?: 'building' | 'proposed' },
): Promise<void> {
  const { content } = candidate
  const row: WorkspaceRowOf<'policy_candidates'> = {
    candidate_id: candidate.candidateId,
    proposed_at: candidate.proposedAt,
    actor: candidate.actor,
    note: candidate.note,
    state: candidate.state ?? 'proposed',
    changes: candidate.changes,
    since_snapshot_id: candidate.sinceSnapshotId,
    t: content.t,
    bound_micros: content.boundMicros,
    manifest_json: JSON.stringify(content.manifest),
    weights: encodeWeights(content, content.manifest.dimensions),
    judged_at: 0,
    verdict_json: 'null',
    snapshot_id: '',
  }
  // The same proposal at the same instant is one.
  await db.bulkInsert('policy_candidates', [row], 'ignore')
}

export async function loadCandidate(db: WorkspaceDb, candidateId: string): Promise<PolicyCandidate | null> {
  const row = await db
    .selectFrom('policy_candidates')
    .selectAll('policy_candidates')
    .where('policy_candidates.candidate_id', '=', candidateId)
    .executeTakeFirst()
  return row === undefined ? null : decodeCandidate(row)
}

/** Newest first. */
export async function listCandidates(db: WorkspaceDb, limit: number): Promise<PolicyCandidate[]> {
  const rows = await db
    .selectFrom('policy_candidates')
    .selectAll('policy_candidates')
    .orderBy('policy_candidates.proposed_at', 'desc')
    .orderBy('policy_candidates.candidate_id')
    .limit(limit)
    .execute()
  return rows.map(decodeCandidate)
}

/** How far the teaching of a candidate is; stands where its verdict will. */
export async function tellBuilding(
  db: WorkspaceDb,
  candidateId: string,
  building: { done: number; total: number },
): Promise<void> {
  await db
    .updateTable('policy_candidates')
    .set({ verdict_json: JSON.stringify({ building }) })
    .where('policy_candidates.candidate_id', '=', candidateId)
    .where('policy_candidates.state', '=', 'building')
    .execute()
}

/**
 * The candidate has its heads, and waits for the gate: `proposedAt` is when it began to be taught, so that no
 * decision from then on can have taught it. False where it is not being built any more.
 */
export async function finishBuilding(
  db: WorkspaceDb,
  candidateId: string,
  built: { content: StoredSnapshot; state: LearnerState; cursor: number; proposedAt: number },
): Promise<boolean> {
  const { content, state, cursor, proposedAt } = built
  const result = await db
    .updateTable('policy_candidates')
    .set({
      state: 'proposed',
      proposed_at: proposedAt,
      since_snapshot_id: content.manifest.parent,
      t: content.t,
      bound_micros: content.boundMicros,
      manifest_json: JSON.stringify(content.manifest),
      weights: encodeWeights(content, content.manifest.dimensions),
      verdict_json: 'null',
    })
    .where('policy_candidates.candidate_id', '=', candidateId)
    .where('policy_candidates.state', '=', 'building')
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) return false
  const row = { candidate_id: candidateId, cursor, state: encodeState(state) }
  await db.bulkInsert('candidate_states', [row], 'fail')
  return true
}

/** What the candidate's heads have learned; null where it has none of its own, or they are live. */
export async function loadCandidateState(
  db: WorkspaceDb,
  candidateId: string,
): Promise<{ state: LearnerState; cursor: number } | null> {
  const row = await db
    .selectFrom('candidate_states')
    .selectAll('candidate_states')
    .where('candidate_states.candidate_id', '=', candidateId)
    .executeTakeFirst()
  return row === undefined ? null : { state: decodeState(row.state), cursor: row.cursor }
}

export async function deleteCandidateState(db: WorkspaceDb, candidateId: string): Promise<void> {
  await db.deleteFrom('candidate_states').where('candidate_states.candidate_id', '=', candidateId).execute()
}

export async function failCandidate(db: WorkspaceDb, candidateId: string, reason: string): Promise<void> {
  await db
    .updateTable('policy_candidates')
    .set({ state: 'failed', verdict_json: JSON.stringify({ passed: false, reasons: [reason] }) })
    .where('policy_candidates.candidate_id', '=', candidateId)
    .where('policy_candidates.state', '=', 'building')
    .execute()
}

export async function saveVerdict(
  db: WorkspaceDb,
  candidateId: string,
  { verdict, judgedAt }: { verdict: unknown; judgedAt: number },
): Promise<void> {
  await db
    .updateTable('policy_candidates')
    .set({ verdict_json: JSON.stringify(verdict), judged_at: judgedAt })
    .where('policy_candidates.candidate_id', '=', candidateId)
    .execute()
}

/** False where it is not proposed any more. */
export async function markPromoted(
  db: WorkspaceDb,
  candidateId: string,
  snapshotId: string,
): Promise<boolean> {
  const result = await db
    .updateTable('policy_candidates')
    .set({ state: 'promoted', snapshot_id: snapshotId })
    .where('policy_candidates.candidate_id', '=', candidateId)
    .where('policy_candidates.state', '=', 'proposed')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function loadPolicySettings(db: WorkspaceDb): Promise<PolicySettings> {
  const row = await db.selectFrom('policy_settings').selectAll('policy_settings').executeTakeFirst()
  if (row === undefined) return { ...gateSettingsDefault, automatic: false, forgetHalfLifeDays: null }
  return {
    automatic: row.automatic === 1,
    effectiveRowsMin: row.effective_rows_min,
    lossMaxShare: row.loss_max_share,
    forgetHalfLifeDays: row.forget_half_life_days,
  }
}

export async function savePolicySettings(db: WorkspaceDb, settings: PolicySettings): Promise<void> {
  const row = {
    automatic: settings.automatic ? (1 as const) : (0 as const),
    effective_rows_min: settings.effectiveRowsMin,
    loss_max_share: settings.lossMaxShare,
    forget_half_life_days: settings.forgetHalfLifeDays,
  }
  await db.bulkInsert('policy_settings', [row], {
    key: ['workspace'],
    update: ['automatic', 'effective_rows_min', 'loss_max_share', 'forget_half_life_days'],
  })
}

function decodeCandidate(row: RowOf<'policy_candidates'>): PolicyCandidate {
  return {
    candidateId: row.candidate_id,
    proposedAt: row.proposed_at,
    actor: row.actor,
    note: row.note,
    state: row.state,
    changes: row.changes,
    sinceSnapshotId: row.since_snapshot_id,
    content: decodeSnapshot({
      snapshot_id: row.candidate_id,
      sequence: 0,
      parent_id: '',
      published_at: row.proposed_at,
      t: row.t,
      bound_micros: row.bound_micros,
      manifest_json: row.manifest_json,
      weights: row.weights,
    }),
    judgedAt: row.judged_at,
    verdict: JSON.parse(row.verdict_json),
    snapshotId: row.snapshot_id,
  }
}

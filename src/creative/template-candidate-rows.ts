import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** Where new words are tried beside the old ones: two variants of a treatment. */
export interface TemplatePlace {
  campaignId: string
  treatmentId: string
  /** Variant ids. */
  champion: string
  challenger: string
  /** What the place had before, and has again afterwards. */
  weight: number
}

/** New words of a template, that go live for good through the gate. */
export interface TemplateCandidate {
  candidateId: string
  templateId: string
  /** The version of the template that it becomes, and the one that it would replace. */
  version: number
  baseVersion: number
  share: number
  places: TemplatePlace[]
  proposedAt: number
  actor: string
  note: string
  state: RowOf<'template_candidates'>['state']
  /** When the gate last looked at it; 0 before. */
  judgedAt: number
  /** As the gate gave it; null before it looked. */
  verdict: unknown
  /** When, by whom and why it was promoted, withdrawn or rolled back; 0 and '' before. */
  settledAt: number
  settledBy: string
  reason: string
}

/** The template under whose id the words are tried until they are promoted. */
export function challengerTemplateId({
  templateId,
  version,
}: Pick<TemplateCandidate, 'templateId' | 'version'>) {
  return `${templateId}-v${version}`
}

export async function insertTemplateCandidate(
  db: WorkspaceDb,
  candidate: Pick<
    TemplateCandidate,
    | 'candidateId'
    | 'templateId'
    | 'version'
    | 'baseVersion'
    | 'share'
    | 'places'
    | 'proposedAt'
    | 'actor'
    | 'note'
  >,
): Promise<void> {
  const row: WorkspaceRowOf<'template_candidates'> = {
    candidate_id: candidate.candidateId,
    template_id: candidate.templateId,
    version: candidate.version,
    base_version: candidate.baseVersion,
    share: candidate.share,
    places_json: JSON.stringify(candidate.places),
    proposed_at: candidate.proposedAt,
    actor: candidate.actor,
    note: candidate.note,
    state: 'proposed',
    judged_at: 0,
    verdict_json: 'null',
    settled_at: 0,
    settled_by: '',
    reason: '',
  }
  await db.bulkInsert('template_candidates', [row], 'fail')
}

/** Newest first; `templateId`: only of that template. */
export async function listTemplateCandidates(
  db: WorkspaceDb,
  { templateId, limit }: { templateId?: string; limit: number },
): Promise<TemplateCandidate[]> {
  let query = db
    .selectFrom('template_candidates')
    .selectAll('template_candidates')
    .orderBy('template_candidates.proposed_at', 'desc')
    .orderBy('template_candidates.version', 'desc')
    .orderBy('template_candidates.candidate_id')
    .limit(limit)
  if (templateId !== undefined) query = query.where('template_candidates.template_id', '=', templateId)
  return (await query.execute()).map(candidateOf)
}

export async function loadTemplateCandidate(
  db: WorkspaceDb,
  candidateId: string,
): Promise<TemplateCandidate | null> {
  const row = await db
    .selectFrom('template_candidates')
    .selectAll('template_candidates')
    .where('template_candidates.candidate_id', '=', candidateId)
    .executeTakeFirst()
  return row === undefined ? null : candidateOf(row)
}

export async function saveTemplateVerdict(
  db: WorkspaceDb,
  candidateId: string,
  { verdict, judgedAt }: { verdict: unknown; judgedAt: number },
): Promise<void> {
  await db
    .updateTable('template_candidates')
    .set({ verdict_json: JSON.stringify(verdict), judged_at: judgedAt })
    .where('template_candidates.candidate_id', '=', candidateId)
    .execute()
}

/** False where it is not in the state `from` any more. */
export async function settleTemplateCandidate(
  db: WorkspaceDb,
  candidateId: string,
  from: TemplateCandidate['state'],
  settled: { state: TemplateCandidate['state']; at: number; by: string; reason: string },
): Promise<boolean> {
  const { state, at, by, reason } = settled
  const result = await db
    .updateTable('template_candidates')
    .set({ state, settled_at: at, settled_by: by, reason })
    .where('template_candidates.candidate_id', '=', candidateId)
    .where('template_candidates.state', '=', from)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

function candidateOf(row: RowOf<'template_candidates'>): TemplateCandidate {
  return {
    candidateId: row.candidate_id,
    templateId: row.template_id,
    version: row.version,
    baseVersion: row.base_version,
    share: row.share,
    places: JSON.parse(row.places_json) as TemplatePlace[],
    proposedAt: row.proposed_at,
    actor: row.actor,
    note: row.note,
    state: row.state,
    judgedAt: row.judged_at,
    verdict: JSON.parse(row.verdict_json),
    settledAt: row.settled_at,
    settledBy: row.settled_by,
    reason: row.reason,
  }
}

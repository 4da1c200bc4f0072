import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CampaignVersion } from '#contracts/campaign.ts'
import type { DecodedDecision } from '#contracts/decision.ts'
import { onDay } from '#platform/ids/ids.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { type VariantDraw, variantDifference } from '#statistics/variant-difference.ts'
import { loadCampaignVersion } from '../campaign/campaign-rows.ts'
import type { TemplateCandidate, TemplatePlace } from '../creative/template-candidate-rows.ts'
import { loadRecords } from '../decision/decision-rows.ts'
import { decodeDecision } from '../decision/record.ts'
import { loadPolicySettings } from '../learning/candidate-rows.ts'
import { type TemplateVerdict, templateGate } from '../learning/template-gate.ts'

/** The first so many since it was proposed: some seconds, in turns. */
const drawsMax = 200_000
const exposuresPerPage = 2_000
const dayMs = 86_400_000

/**
 * The gate for new words of a template: all sends since they were proposed in which old and new could both be
 * drawn, from every place of it together, with the probabilities as they were logged. A send counts once its
 * goal's window is over; what it earned is whether the goal was met.
 */
export async function judgeTemplate(
  db: WorkspaceDb,
  candidate: Pick<TemplateCandidate, 'places' | 'proposedAt'>,
  now: number,
): Promise<TemplateVerdict> {
  const versions = new Map<string, CampaignVersion | null>()
  const draws: (VariantDraw & { at: number; id: string })[] = []
  for await (const page of settledExposures(db, candidate, now)) {
    const days = page.map((row) => row.decision_day_utc)
    const ids = page.map((row) => row.decision_id)
    const records = await loadRecords(db, ids, { from: Math.min(...days), to: Math.max(...days) })
    for (const row of page) {
      const record = records.get(row.decision_id)
      if (record === undefined) continue
      const decoded = decodeDecision(record)
      const place = candidate.places.find(
        (own) => own.campaignId === row.campaign_id && own.treatmentId === row.head,
      )
      if (place === undefined || decoded.decidedAt < candidate.proposedAt) continue
      const draw = drawOf(decoded, row, place, await versionOf(decoded, row.campaign_id))
      if (draw !== null) draws.push({ ...draw, at: decoded.decidedAt, id: row.decision_id })
    }
    await nextTurn()
  }
  draws.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
  return templateGate(variantDifference(draws), await loadPolicySettings(db))

  async function versionOf({ campaigns }: DecodedDecision, campaignId: string) {
    const version = campaigns.find((own) => own.campaignId === campaignId)?.version
    if (version === undefined) return null
    const key = `${campaignId} ${version}`
    if (!versions.has(key)) versions.set(key, await loadCampaignVersion(db, campaignId, version))
    return versions.get(key) ?? null
  }
}

/** Null where not both could be drawn. */
function drawOf(
  { choice, candidates }: DecodedDecision,
  { state }: RowOf<'exposures'>,
  { treatmentId, champion, challenger }: TemplatePlace,
  version: CampaignVersion | null,
): VariantDraw | null {
  const variants = version?.spec.treatments.find((own) => own.treatmentId === treatmentId)?.variants
  if (choice.kind !== 'treatment' || variants === undefined) return null
  const probabilities = candidates[choice.candidateIndex]?.variantProbabilities
  const [old, fresh] = [champion, challenger].map((id) =>
    variants.findIndex(({ variantId }) => variantId === id),
  ) as [number, number]
  const championProbability = probabilities?.[old] ?? 0
  const challengerProbability = probabilities?.[fresh] ?? 0
  if (!(championProbability > 0 && challengerProbability > 0)) return null
  const { variantIndex } = choice
  const drawn = variantIndex === old ? 'champion' : variantIndex === fresh ? 'challenger' : 'other'
  return { drawn, championProbability, challengerProbability, reward: state === 'closed' ? 0 : 1 }
}

/** By decision: ids begin with their day. Also what has converted counts only when its window is over. */
async function* settledExposures(
  db: WorkspaceDb,
  { places, proposedAt }: Pick<TemplateCandidate, 'places' | 'proposedAt'>,
  now: number,
): AsyncGenerator<RowOf<'exposures'>[]> {
  const campaigns = [...new Set(places.map(({ campaignId }) => campaignId))]
  const heads = [...new Set(places.map(({ treatmentId }) => treatmentId))]
  // The day of a decision is that of the receipt, which may lie before it.
  let after = onDay('0'.repeat(32), Math.floor(proposedAt / dayMs) - 1)
  for (let taken = 0; taken < drawsMax; ) {
    const rows = await db
      .selectFrom('exposures')
      .selectAll('exposures')
      .where('exposures.decision_id', '>', after)
      .where('exposures.campaign_id', 'in', campaigns)
      .where('exposures.head', 'in', heads)
      .orderBy('exposures.decision_id')
      .orderBy('exposures.campaign_id')
      .limit(exposuresPerPage)
      .execute()
    const last = rows.at(-1)
    if (last === undefined) return
    const settled = rows.filter((row) => row.state !== 'open' && row.window_ends_at <= now)
    taken += settled.length
    if (settled.length > 0) yield settled
    if (rows.length < exposuresPerPage) return
    after = last.decision_id
  }
}

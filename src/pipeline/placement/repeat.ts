import type { DecisionCampaign } from '#contracts/decision.ts'
import { decisionIdOf, onDay } from '#platform/ids/ids.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignVersion } from '../../campaign/campaign-rows.ts'
import { render } from '../../creative/render.ts'
import type { TemplateCache } from '../../creative/template-cache.ts'
import { wordsFor } from '../../creative/words.ts'
import { explainDecision } from '../../decision/explain.ts'
import { decodeDecision } from '../../decision/record.ts'
import type { DecisionFacts, TriggeredDecision } from '../decision-input.ts'
import { readerOf, templateContextOf } from '../template-values.ts'
import type { PlacementAnswer, RankedTreatment } from './placement-request.ts'

/** Most ranks that a request may ask for. */
export const ranksMax = 10

/** Ids of the first decision that this request may have had, today or yesterday: a day holds midnight's repeats. */
export function firstIds(
  workspace: string,
  customerId: string,
  trigger: TriggeredDecision['trigger'],
  dayUtc: number,
): string[] {
  const today = decisionIdOf(workspace, customerId, trigger, dayUtc)
  return [today, onDay(today, dayUtc - 1)]
}

/** What words are made of beside the customer and the offer. */
type WordFacts = Pick<DecisionFacts, 'context' | 'items'>

/** What an earlier request with this key was given, in the words of now; null where there was none. */
export async function repeatedAnswer(
  db: WorkspaceDb,
  templates: TemplateCache,
  asked: TriggeredDecision,
  about: { placement: string; dayUtc: number; reasons: boolean; facts: WordFacts },
): Promise<PlacementAnswer | null> {
  const ids = [about.dayUtc, about.dayUtc - 1].flatMap((day) =>
    Array.from({ length: ranksMax }, (_, step) =>
      decisionIdOf(db.workspace, asked.customer.customerId, { ...asked.trigger, step }, day),
    ),
  )
  const rows = await db.selectByKeys('decisions', 'decision_id', ids).selectAll('decisions').execute()
  const ordered = ids.flatMap((id) => rows.find((row) => row.decision_id === id) ?? [])
  const first = ordered[0]
  if (first === undefined) return null
  const treatments: RankedTreatment[] = []
  for (const [index, row] of ordered.entries()) {
    if (row.outcome === 'treatment')
      treatments.push(await treatmentOf(db, templates, { asked, facts: about.facts }, row, index + 1))
  }
  return {
    decisionId: first.decision_id,
    customerId: first.customer_id,
    placement: about.placement,
    decidedAt: first.decided_at,
    outcome: first.outcome as PlacementAnswer['outcome'],
    degraded: false,
    repeated: true,
    treatments,
    ...(about.reasons ? { reasons: await Promise.all(ordered.map((row) => explanationOf(db, row))) } : {}),
  }
}

async function treatmentOf(
  db: WorkspaceDb,
  templates: TemplateCache,
  { asked, facts: known }: { asked: TriggeredDecision; facts: WordFacts },
  row: RowOf<'decisions'>,
  rank: number,
): Promise<RankedTreatment> {
  const version = await loadCampaignVersion(db, row.campaign_id, row.campaign_version)
  const treatment = version?.spec.treatments.find((own) => own.treatmentId === row.treatment_id)
  const variant = treatment?.variants.find((own) => own.variantId === row.variant_id)
  if (treatment === undefined || variant === undefined)
    throw new Error(`decision ${row.decision_id} names what its campaign version does not have`)
  const { id, name, facts } = treatment.offer
  const ranked = {
    rank,
    decisionId: row.decision_id,
    campaignId: row.campaign_id,
    treatmentId: row.treatment_id,
    variantId: row.variant_id,
    channel: treatment.channel,
    offer: { id, name, facts },
    propensity: row.propensity,
  }
  const compiled = templates.compile(variant.template)
  if (compiled.kind === 'faults') throw new Error(compiled.faults.join('; '))
  const words = wordsFor(compiled.template, readerOf(asked.customer, known.context.settings))
  const rendered = render(words.template, templateContextOf(asked, treatment.offer, known, words))
  return rendered.kind === 'rendered'
    ? { ...ranked, content: rendered.content }
    : { ...ranked, content: null, contentFault: rendered.fault }
}

async function explanationOf(db: WorkspaceDb, row: RowOf<'decisions'>) {
  const decoded = decodeDecision(row.record)
  const versions: Pick<DecisionCampaign, 'spec'>[] = []
  for (const { campaignId, version } of decoded.campaigns) {
    const found = await loadCampaignVersion(db, campaignId, version)
    if (found === null) throw new Error(`version ${version} of ${campaignId} is not kept any more`)
    versions.push(found)
  }
  return explainDecision(decoded, versions)
}

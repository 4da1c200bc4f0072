import type { Template } from '#contracts/campaign.ts'
import type { DecodedDecision } from '#contracts/decision.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { canonicalJson } from '../campaign/canonical-json.ts'
import { loadTemplateHistory } from '../campaign/document-rows.ts'
import {
  challengerTemplateId,
  listTemplateCandidates,
  type TemplateCandidate,
} from '../creative/template-candidate-rows.ts'

import type { TemplateVerdict } from '../learning/template-gate.ts'

/** Which words a decision drew, and why they were there to be drawn. */
export interface TemplateStanding {
  templateId: string
  /** Null where the stored versions do not have these words any more. */
  version: number | null
  variantId: string
  standing: 'applied' | 'tried' | 'promoted' | 'rolled-back'
  /** When it came to stand so, by whom. */
  since: number
  by: string
  /** One sentence. */
  why: string
}

const candidatesMax = 1_000

/** Of the variant that a decision drew; null where none was drawn. */
export async function templateStandingOf(
  db: WorkspaceDb,
  { choice, candidates, decidedAt }: DecodedDecision,
  campaigns: readonly { spec: { treatments: readonly TreatmentWords[] } }[],
): Promise<TemplateStanding | null> {
  if (choice.kind !== 'treatment') return null
  const candidate = candidates[choice.candidateIndex]!
  const treatment = campaigns[candidate.campaignIndex]?.spec.treatments[candidate.treatmentIndex]
  const variant = treatment?.variants[choice.variantIndex]
  if (variant === undefined) return null
  const { variantId, template } = variant
  const known = await listTemplateCandidates(db, { limit: candidatesMax })
  const tried = known.find((own) => challengerTemplateId(own) === template.id)
  if (tried !== undefined) return triedStanding(variantId, tried)
  const history = await loadTemplateHistory(db, template.id)
  const words = canonicalJson(template)
  const stored = history.findLast(
    ({ body, createdAt }) => createdAt <= decidedAt && canonicalJson(body) === words,
  )
  const settled = known.filter(({ templateId }) => templateId === template.id)
  return standingOf({ variantId, templateId: template.id }, stored ?? null, settled)
}

interface TreatmentWords {
  variants: readonly { variantId: string; template: Template }[]
}

function triedStanding(variantId: string, own: TemplateCandidate): TemplateStanding {
  const { templateId, version, share, proposedAt: since, actor: by, note } = own
  const why = `new words of ${templateId}, tried with ${share} of its weight until the gate passes them`
  const said = note === '' ? why : `${why}: ${note}`
  return { templateId, version, variantId, standing: 'tried', since, by, why: said }
}

function standingOf(
  named: Pick<TemplateStanding, 'variantId' | 'templateId'>,
  stored: { version: number; actor: string; createdAt: number } | null,
  settled: readonly TemplateCandidate[],
): TemplateStanding {
  const { version = null, actor = '', createdAt = 0 } = stored ?? {}
  const own = { ...named, version, since: createdAt, by: actor }
  const wasPromoted = ({ state }: TemplateCandidate) => state === 'promoted' || state === 'rolled-back'
  const promoted = settled.find((one) => one.version === version && wasPromoted(one))
  if (promoted !== undefined) {
    const why = `promoted in place of version ${promoted.baseVersion}: ${promotedReason(promoted)}`
    return { ...own, standing: 'promoted', why }
  }
  const back = settled.find((one) => one.state === 'rolled-back' && one.settledAt === createdAt)
  if (back !== undefined) {
    const why = `in force again instead of version ${back.version}: ${back.reason}`
    return { ...own, standing: 'rolled-back', why }
  }
  const why = stored === null ? 'these words are not stored any more' : 'applied with a file'
  return { ...own, standing: 'applied', why }
}

/** The reason itself stands with the candidate until it is rolled back, and in the audit for ever. */
function promotedReason({ state, reason, verdict }: TemplateCandidate): string {
  const { passed, figures, delta } = verdict as TemplateVerdict
  const { estimate, interval } = figures
  const shown = (value: number) => String(Number(value.toPrecision(3)))
  const how = passed ? 'passed the gate' : state === 'promoted' ? `past the gate: ${reason}` : 'past the gate'
  if (interval === null || delta === null) return how
  return `${how}; ${shown(estimate)} conversions a send more, at least ${shown(interval.lower)} (δ ${shown(delta)})`
}

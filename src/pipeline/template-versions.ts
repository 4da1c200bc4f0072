import { idSchema, type Template } from '#contracts/campaign.ts'
import type { ApiFault } from '#contracts/errors.ts'
import { stableId } from '#platform/ids/ids.ts'
import { canonicalJson } from '../campaign/canonical-json.ts'
import { insertDocuments, loadTemplate } from '../campaign/document-rows.ts'
import { isPerson } from '../campaign/lifecycle.ts'
import { compileTemplate } from '../creative/compile-template.ts'
import {
  challengerTemplateId,
  insertTemplateCandidate,
  listTemplateCandidates,
  loadTemplateCandidate,
  saveTemplateVerdict,
  settleTemplateCandidate,
  type TemplateCandidate,
} from '../creative/template-candidate-rows.ts'
import { loadPolicySettings } from '../learning/candidate-rows.ts'
import type { TemplateVerdict } from '../learning/template-gate.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'
import { judgeTemplate } from './judge-template.ts'
import {
  collides,
  editCampaigns,
  placesOf,
  promoted,
  rolledBack,
  specsWith,
  withChallenger,
  withdrawn,
} from './template-edits.ts'
import { touchWorkspace } from './workspace-context.ts'

type Refused = { kind: 'refused'; fault: ApiFault }
export type TemplateChange = { kind: 'changed'; candidate: TemplateCandidate } | Refused

/** Templates that may be tried at once are few: this is for lists alone. */
const listedMax = 1_000

/**
 * Puts new words of a template forward: they take part, from now on, as a variant beside the old ones wherever
 * a live campaign uses the template, with `share` of the place's weight. By a person, whose command approves
 * the words. They become the template's next version when they are promoted.
 */
export async function proposeTemplate(
  { store, clock }: ChangeParts,
  change: Change & { template: Template; share: number; note: string },
): Promise<TemplateChange> {
  const { workspace, actor, template, share, note } = change
  const compiled = compileTemplate(template)
  if (compiled.kind === 'faults') return refused('invalid_definition', compiled.faults.join('; '), 'template')
  if (!isPerson(actor))
    return refused('invalid_request', 'new words name the person who proposes them', 'actor')
  return store.transaction(async (tx): Promise<TemplateChange> => {
    const db = tx.workspace(workspace)
    const { id: templateId } = template
    const current = await loadTemplate(db, templateId)
    if (current === null) return refused('not_found', `there is no template ${templateId}`, 'template')
    const fault = wordsFault(template, current.template)
    if (fault !== null) return fault
    const now = clock.now()
    const known = await listTemplateCandidates(db, { templateId, limit: listedMax })
    if (known.some(({ state }) => state === 'proposed'))
      return refused('conflict', `other words of ${templateId} are tried: promote or withdraw them first`)
    const { version: baseVersion } = current
    // Never one that was tried before: what was learned of it is known by its number.
    const version = Math.max(baseVersion, ...known.map((own) => own.version)) + 1
    const tried = { templateId, version }
    const words = { ...template, id: challengerTemplateId(tried) }
    if ((await loadTemplate(db, words.id)) !== null || !idSchema.safeParse(words.id).success)
      return refused('conflict', `${words.id} is no free id for the words while they are tried`)
    const standing = await specsWith(db, templateId)
    if (standing.kind === 'refused') return standing
    const { specs } = standing
    const edit = withChallenger(tried, share)
    const places = specs.flatMap((spec) => placesOf(spec, tried))
    if (places.length === 0)
      return refused('conflict', `no live campaign uses ${templateId}: apply the new words instead`)
    if (specs.some((spec) => collides(spec, edit)))
      return refused('conflict', `a variant is called as the new words of ${templateId} would be`)
    await insertDocuments(db, [{ kind: 'template', id: words.id, version: 1, body: words }], actor, now)
    const line = `new words of ${templateId} (version ${version}) are tried with ${share} of its weight`
    const said = { workspace, actor, note: note === '' ? line : `${line}; ${note}`, now }
    await editCampaigns(tx, said, { specs, edit, words })
    const candidateId = stableId('template', templateId, String(version), String(now))
    const candidate = { ...tried, candidateId, baseVersion, share, places, proposedAt: now, actor, note }
    await insertTemplateCandidate(db, candidate)
    await touchWorkspace(tx, workspace)
    await audit(tx, change, now, 'template.propose', candidateId, note, { ...tried, share, places })
    return { kind: 'changed', candidate: (await loadTemplateCandidate(db, candidateId))! }
  })
}

export type TemplatePromotion =
  | { kind: 'promoted'; candidate: TemplateCandidate; verdict: TemplateVerdict; override: string | null }
  | (Refused & { verdict?: TemplateVerdict })

/**
 * Lets new words take the place of the old ones if the gate passes them on today's outcomes, or because a named
 * person says so. Either way the audit keeps who, when, why and the gate's figures.
 */
export async function promoteTemplate(
  { store, clock }: ChangeParts,
  change: Change & { candidateId: string; override: string | null },
): Promise<TemplatePromotion> {
  const { workspace, candidateId, override } = change
  const db = store.read.workspace(workspace)
  const candidate = await loadTemplateCandidate(db, candidateId)
  if (candidate === null) return refused('not_found', `there is no proposed template ${candidateId}`)
  if (override !== null && !isPerson(change.actor))
    return refused('invalid_request', 'an override names the person who gives it', 'actor')
  const now = clock.now()
  // Reading and judging the log takes seconds: not inside the transaction.
  const verdict = await judgeTemplate(db, candidate, now)
  return store.transaction(async (tx): Promise<TemplatePromotion> => {
    const own = tx.workspace(workspace)
    const fault = openFault((await loadTemplateCandidate(own, candidateId))!)
    if (fault !== null) return fault
    await saveTemplateVerdict(own, candidateId, { verdict, judgedAt: now })
    if (!verdict.passed && override === null) {
      const detail = `${verdict.reasons.join('; ')}. Override it with a reason, or wait for more outcomes`
      return { ...refused('gate_refused', detail), verdict }
    }
    const { templateId, version, baseVersion } = candidate
    const current = await loadTemplate(own, templateId)
    if (current?.version !== baseVersion) {
      return refused('conflict', `${templateId} was changed since: withdraw this and propose anew`)
    }
    const standing = await specsWith(own, templateId)
    if (standing.kind === 'refused') return standing
    const { specs } = standing
    const tried = await loadTemplate(own, challengerTemplateId(candidate))
    const words = { ...tried!.template, id: templateId }
    await insertDocuments(
      own,
      [{ kind: 'template', id: templateId, version, body: words }],
      change.actor,
      now,
    )
    const reason = override ?? 'passed the promotion gate'
    const note = `words of ${templateId}, version ${version}: ${reason}`
    // The words were approved by who proposed them; an override is somebody's own.
    const actor = isPerson(change.actor) ? change.actor : candidate.actor
    await editCampaigns(tx, { workspace, actor, note, now }, { specs, edit: promoted(candidate), words })
    const settled = { state: 'promoted' as const, at: now, by: change.actor, reason }
    await settleTemplateCandidate(own, candidateId, 'proposed', settled)
    await touchWorkspace(tx, workspace)
    const action = verdict.passed ? 'template.promote' : 'template.override'
    await audit(tx, change, now, action, candidateId, reason, { templateId, version, verdict })
    return { kind: 'promoted', candidate: { ...candidate, ...settledFields(settled) }, verdict, override }
  })
}

/** Takes proposed words out again: the old ones have their place's whole weight. */
export async function withdrawTemplate(
  { store, clock }: ChangeParts,
  change: Change & { candidateId: string; reason: string },
): Promise<TemplateChange> {
  const { workspace, candidateId, actor, reason } = change
  return store.transaction(async (tx): Promise<TemplateChange> => {
    const db = tx.workspace(workspace)
    const candidate = await loadTemplateCandidate(db, candidateId)
    if (candidate === null) return refused('not_found', `there is no proposed template ${candidateId}`)
    const fault = openFault(candidate) ?? personFault(actor)
    if (fault !== null) return fault
    const standing = await specsWith(db, challengerTemplateId(candidate))
    if (standing.kind === 'refused') return standing
    const { specs } = standing
    const words = (await loadTemplate(db, challengerTemplateId(candidate)))!.template
    const now = clock.now()
    const note = `new words of ${candidate.templateId} are withdrawn: ${reason}`
    await editCampaigns(tx, { workspace, actor, note, now }, { specs, edit: withdrawn(candidate), words })
    const settled = { state: 'withdrawn' as const, at: now, by: actor, reason }
    await settleTemplateCandidate(db, candidateId, 'proposed', settled)
    await touchWorkspace(tx, workspace)
    await audit(tx, change, now, 'template.withdraw', candidateId, reason)
    return { kind: 'changed', candidate: { ...candidate, ...settledFields(settled) } }
  })
}

/** Puts the words that were last replaced in force again, as the template's next version. */
export async function rollBackTemplate(
  { store, clock }: ChangeParts,
  change: Change & { templateId: string; reason: string },
): Promise<TemplateChange> {
  const { workspace, templateId, actor, reason } = change
  return store.transaction(async (tx): Promise<TemplateChange> => {
    const db = tx.workspace(workspace)
    const known = await listTemplateCandidates(db, { templateId, limit: listedMax })
    const candidate = known.find(({ state }) => state === 'promoted')
    if (candidate === undefined) return refused('not_found', `no words of ${templateId} were promoted`)
    if (known.some(({ state }) => state === 'proposed'))
      return refused('conflict', `other words of ${templateId} are tried: withdraw them first`)
    const fault = personFault(actor)
    if (fault !== null) return fault
    const current = await loadTemplate(db, templateId)
    if (current?.version !== candidate.version) {
      return refused('conflict', `${templateId} was changed since it was promoted: apply the words you want`)
    }
    const before = (await loadTemplate(db, templateId, candidate.baseVersion))!.template
    const standing = await specsWith(db, templateId)
    if (standing.kind === 'refused') return standing
    const { specs } = standing
    const now = clock.now()
    const document = { kind: 'template' as const, id: templateId, version: current.version + 1, body: before }
    await insertDocuments(db, [document], actor, now)
    const note = `words of ${templateId} as in version ${candidate.baseVersion}: ${reason}`
    const edit = rolledBack(candidate)
    await editCampaigns(tx, { workspace, actor, note, now }, { specs, edit, words: before })
    const settled = { state: 'rolled-back' as const, at: now, by: actor, reason }
    await settleTemplateCandidate(db, candidate.candidateId, 'promoted', settled)
    await touchWorkspace(tx, workspace)
    await audit(tx, change, now, 'template.rollback', candidate.candidateId, reason)
    return { kind: 'changed', candidate: { ...candidate, ...settledFields(settled) } }
  })
}

/** Where the workspace allows it: promotes what passes. Resolves to the candidates promoted. */
export async function promoteTemplatesThatPass(parts: ChangeParts, workspace: string): Promise<string[]> {
  const db = parts.store.read.workspace(workspace)
  if (!(await loadPolicySettings(db)).automatic) return []
  const done: string[] = []
  for (const { candidateId, state } of await listTemplateCandidates(db, { limit: listedMax })) {
    if (state !== 'proposed') continue
    const change = { workspace, actor: 'strategist', candidateId, override: null }
    if ((await promoteTemplate(parts, change)).kind === 'promoted') done.push(candidateId)
  }
  return done
}

function wordsFault(template: Template, current: Template): Refused | null {
  const { id, channel } = current
  if (template.channel !== channel)
    return refused('invalid_request', `${id} is for ${channel}, not ${template.channel}`, 'template')
  if ((template.kind ?? 'marketing') === 'transactional' || current.kind === 'transactional')
    return refused('conflict', `${id} is transactional: nothing is drawn there`, 'template')
  if (canonicalJson(template) === canonicalJson(current))
    return refused('conflict', `these are the words of ${id} already`, 'template')
  return null
}

function openFault({ candidateId, state }: TemplateCandidate): Refused | null {
  return state === 'proposed' ? null : refused('conflict', `${candidateId} is ${state} already`)
}

function personFault(actor: string): Refused | null {
  return isPerson(actor) ? null : refused('invalid_request', 'a person does this, by name', 'actor')
}

function settledFields(settled: {
  state: TemplateCandidate['state']
  at: number
  by: string
  reason: string
}) {
  const { state, at: settledAt, by: settledBy, reason } = settled
  return { state, settledAt, settledBy, reason }
}

function refused(code: ApiFault['code'], detail: string, field?: string): Refused {
  return { kind: 'refused', fault: { code, detail, ...(field === undefined ? {} : { field }) } }
}

import type { CampaignSpec, CampaignVersion, ChannelName, WorkspaceFile } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { insertCampaignVersions, loadStanding } from './campaign-rows.ts'
import { canonicalJson } from './canonical-json.ts'
import { checkDefinitions } from './check-definitions.ts'
import type { DefinitionFault } from './definition-fault.ts'
import {
  type Definitions,
  type DocumentKind,
  definitionsAfter,
  documentLists,
  type ListedKind,
  type StoredDocument,
  singleDocumentId,
} from './definitions.ts'
import { diffLines } from './diff-lines.ts'
import { insertDocuments, loadDocuments } from './document-rows.ts'
import { resolveCampaign } from './resolve.ts'

/** What a file would do to one document. */
export interface DocumentChange {
  kind: DocumentKind
  id: string
  change: 'create' | 'update' | 'unchanged'
  before?: unknown
  after: unknown
  /** For people: `~ treatments[0].cost: 1 → 2`. */
  lines: string[]
}

/** What a file would do. Nothing can be applied while there are faults. */
export interface ApplyPlan {
  changes: DocumentChange[]
  faults: DefinitionFault[]
  documents: StoredDocument[]
  versions: { campaignId: string; version: number; spec: CampaignSpec }[]
}

/**
 * Compares the file with what is defined. A campaign whose resolved definition changes, by its own words or
 * by something it refers to, gets a draft of the next number; the version that runs goes on until that
 * draft is launched. Documents that the file leaves out stay as they are.
 */
export async function planApply(
  db: WorkspaceDb,
  file: WorkspaceFile,
  settings: WorkspaceSettings,
  channels: readonly ChannelName[] = ['email'],
): Promise<ApplyPlan> {
  const stored = await loadDocuments(db)
  const definitions = definitionsAfter(stored, file)
  const { changes, documents } = compareDocuments(stored, file)
  const faults = checkDefinitions(file, definitions, settings.reportingCurrency)
  const versions: ApplyPlan['versions'] = []
  for (const { id, field } of campaignsToResolve(definitions, file)) {
    const campaign = definitions.campaign.get(id)
    if (campaign === undefined) continue
    const standing = await loadStanding(db, id)
    const newest = standing.waiting ?? standing.running
    const inFile = file.campaigns.some((each) => each.id === id)
    if (!inFile && newest?.state === 'ended') continue
    const resolved = resolveCampaign(campaign, field, definitions, channels)
    if ('faults' in resolved) {
      faults.push(...resolved.faults)
    } else if (canonicalJson(newest?.spec) !== canonicalJson(resolved.spec)) {
      const version = standing.newestVersion + 1
      versions.push({ campaignId: id, version, spec: resolved.spec })
      noteVersion(changes, id, newest?.spec, resolved.spec, versionLine(version, standing.running))
    }
  }
  return { changes, faults, documents, versions }
}

/** Writes what was planned, in the transaction in which it was planned. */
export async function applyPlan(
  db: WorkspaceDb,
  plan: ApplyPlan,
  actor: string,
  now: InstantMs,
): Promise<void> {
  if (plan.faults.length > 0) throw new Error(`a plan with ${plan.faults.length} faults cannot be applied`)
  await insertDocuments(db, plan.documents, actor, now)
  const drafts = plan.versions.map((version) => ({
    ...version,
    state: 'draft' as const,
    actor,
    note: 'applied',
    createdAt: now,
  }))
  await insertCampaignVersions(db, drafts)
}

function compareDocuments(
  stored: readonly StoredDocument[],
  file: WorkspaceFile,
): { changes: DocumentChange[]; documents: StoredDocument[] } {
  const byKey = new Map(stored.map((document) => [`${document.kind} ${document.id}`, document]))
  const changes: DocumentChange[] = []
  const documents: StoredDocument[] = []
  for (const { kind, id, body } of documentsOf(file)) {
    const before = byKey.get(`${kind} ${id}`)
    if (before !== undefined && canonicalJson(before.body) === canonicalJson(body)) {
      changes.push({ kind, id, change: 'unchanged', before: before.body, after: body, lines: [] })
      continue
    }
    const lines = diffLines(before?.body, body)
    changes.push(
      before === undefined
        ? { kind, id, change: 'create', after: body, lines }
        : { kind, id, change: 'update', before: before.body, after: body, lines },
    )
    documents.push({ kind, id, version: (before?.version ?? 0) + 1, body })
  }
  return { changes, documents }
}

function documentsOf(file: WorkspaceFile): { kind: DocumentKind; id: string; body: unknown }[] {
  const listed = (Object.keys(documentLists) as ListedKind[]).flatMap((kind) =>
    file[documentLists[kind]].map((body) => ({ kind, id: body.id, body })),
  )
  const single = (kind: DocumentKind, body: unknown) =>
    body === undefined ? [] : [{ kind, id: singleDocumentId, body }]
  return [
    ...listed,
    ...single('guardrails', file.guardrails),
    ...single('currency-rates', file.currencyRates),
  ]
}

/** The file's campaigns where they stand, then all others: what they refer to may change. */
function campaignsToResolve(definitions: Definitions, file: WorkspaceFile): { id: string; field: string }[] {
  const inFile = file.campaigns.map(({ id }, i) => ({ id, field: `campaigns[${i}]` }))
  const named = new Set(inFile.map(({ id }) => id))
  const others = [...definitions.campaign.keys()].filter((id) => !named.has(id))
  return [...inFile, ...others.map((id) => ({ id, field: `campaigns[${id}]` }))]
}

/** The campaign's line in the plan says that a version is made, also when only what it refers to changes. */
function noteVersion(
  changes: DocumentChange[],
  id: string,
  before: CampaignSpec | undefined,
  after: CampaignSpec,
  line: string,
): void {
  const own = changes.find((change) => change.kind === 'campaign' && change.id === id)
  if (own !== undefined && own.change !== 'unchanged') {
    own.lines.push(line)
    return
  }
  const change: DocumentChange = {
    kind: 'campaign',
    id,
    change: 'update',
    before,
    after,
    lines: [...diffLines(before, after), line],
  }
  if (own === undefined) changes.push(change)
  else Object.assign(own, change)
}

function versionLine(version: number, running: CampaignVersion | null): string {
  const goesOn =
    running === null || running.state === 'ended'
      ? ''
      : `; version ${running.version} stays ${running.state} until it is launched`
  return `draft version ${version}${goesOn}`
}

import type { CampaignVersion, WorkspaceFile } from '#contracts/campaign.ts'
import type { Clock } from '#contracts/clock.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { loadPools } from '../action/coupons/coupon-rows.ts'
import { type ApplyPlan, applyPlan, planApply } from '../campaign/apply.ts'
import { cancelRun, restartPace } from '../campaign/broadcast-rows.ts'
import type { DefinitionFault } from '../campaign/definition-fault.ts'
import { loadSegments } from '../campaign/document-rows.ts'
import { type CampaignAction, transition } from '../campaign/lifecycle.ts'
import {
  loadWorkspace,
  updateWorkspace,
  type WorkspacePatch,
  type WorkspaceResult,
} from '../campaign/workspaces.ts'
import { compileTemplate } from '../creative/compile-template.ts'
import { alwaysOverLimit } from '../creative/constant-content.ts'
import { firstFeatureSchema } from '../decision/feature-schemas.ts'
import { ensureSnapshotFor, latestSequence } from '../learning/snapshot-rows.ts'
import type { StarterPolicy } from '../learning/starter.ts'
import { compileSegments } from '../profile/segments.ts'
import { addressedChannels } from './customer-facts.ts'
import { listSending } from './list-sending.ts'
import type { ProviderLimits } from './provider-limits.ts'
import { touchWorkspace } from './workspace-context.ts'

export interface ChangeParts {
  store: Store
  clock: Clock
  /** Where the treatments of a first launch start; left out: at one half. */
  starter?: StarterPolicy | null
}

export interface Change {
  workspace: string
  /** Who did it: stands in the versions and in the audit. */
  actor: string
}

/** Validates a file and, unless it is a dry run, writes its new versions. All or nothing. */
export async function applyWorkspaceFile(
  parts: ChangeParts & { limits?: ProviderLimits },
  change: Change & { file: WorkspaceFile; dryRun: boolean },
): Promise<ApplyPlan & { warnings: string[] }> {
  const { store, clock, limits = new Map() } = parts
  const warnings = limitWarnings(change.file, limits)
  return store.transaction(async (tx) => {
    const db = tx.workspace(change.workspace)
    const settings = await loadWorkspace(tx, change.workspace)
    if (settings === null) throw new Error(`no workspace ${change.workspace}`)
    const plan = await planApply(db, change.file, settings, addressedChannels)
    plan.faults.push(...templateFaults(change.file), ...segmentFaults(change.file, await loadSegments(db)))
    plan.faults.push(...(await poolFaults(db, change.file)))
    if (plan.faults.length > 0 || change.dryRun) return { ...plan, warnings }
    const now = clock.now()
    await applyPlan(db, plan, change.actor, now)
    await touchWorkspace(tx, change.workspace)
    const targets = plan.changes
      .filter((own) => own.change !== 'unchanged')
      .map((own) => `${own.kind}/${own.id}`)
    if (targets.length > 0) await audit(tx, change, now, 'apply', targets.join(' '))
    return { ...plan, warnings }
  })
}

export interface MovedCampaign {
  kind: 'moved'
  version: CampaignVersion
  /** Messages of the campaign whose send had begun before: a pause does not call them back. */
  alreadySending: string[]
}

/** Moves a campaign through its lifecycle; a launch also makes sure that the policy covers it. */
export async function moveCampaign(
  parts: ChangeParts,
  change: Change & { campaignId: string; action: CampaignAction; note: string },
): Promise<MovedCampaign | { kind: 'refused'; fault: ApiFault }> {
  return parts.store.transaction((tx) => moveCampaignIn(tx, parts, change))
}

/** The same as part of a transaction that does more. */
export async function moveCampaignIn(
  tx: StoreTransaction,
  parts: Omit<ChangeParts, 'store'>,
  change: Change & { campaignId: string; action: CampaignAction; note: string },
): Promise<MovedCampaign | { kind: 'refused'; fault: ApiFault }> {
  const now = parts.clock.now()
  const db = tx.workspace(change.workspace)
  const { campaignId, action, actor, note } = change
  const moved = await transition(db, { campaignId, action, actor, note, now })
  if (moved.kind === 'refused') return moved
  if (action === 'launch') {
    const first = (await latestSequence(db)) === 0 ? firstFeatureSchema : undefined
    await ensureSnapshotFor(db, moved.version.spec, now, first, parts.starter)
    await restartPace(db, campaignId, now)
  }
  if (action === 'end') await cancelRun(db, campaignId, now)
  await touchWorkspace(tx, change.workspace)
  await audit(tx, change, now, `campaign.${action}`, campaignId, note)
  return { ...moved, alreadySending: await listSending(db, { campaignId }) }
}

export type ChangedSettings =
  | (WorkspaceResult & { kind: 'saved'; alreadySending: string[] })
  | Extract<WorkspaceResult, { kind: 'refused' }>

/** Changes send mode, kill switch and the like: in force for every claim that commits after this. */
export async function changeSettings(
  parts: ChangeParts,
  change: Change & { patch: WorkspacePatch },
): Promise<ChangedSettings> {
  return parts.store.transaction(async (tx) => {
    const before = await loadWorkspace(tx, change.workspace)
    const result = await updateWorkspace(tx, change.workspace, change.patch)
    if (result.kind === 'refused') return result
    await touchWorkspace(tx, change.workspace)
    const figures = { before: decidingSettings(before), after: decidingSettings(result.settings) }
    await audit(tx, change, parts.clock.now(), 'settings', Object.keys(change.patch).join(' '), '', figures)
    return { ...result, alreadySending: await listSending(tx.workspace(change.workspace)) }
  })
}

/** Those that a decision or a claim looks at: a rehearsal puts them back as they were. */
function decidingSettings(settings: WorkspaceSettings | null): DecidingSettings {
  const { killSwitch = false, zone = 'UTC', country } = settings ?? {}
  return { killSwitch, zone, country: country ?? null }
}

export interface DecidingSettings {
  killSwitch: boolean
  zone: string
  country: string | null
}

/** One line of who did what; part of the transaction that does it. */
export async function audit(
  tx: StoreTransaction,
  { workspace, actor }: Change,
  at: number,
  action: string,
  target: string,
  note = '',
  figures: object = {},
): Promise<void> {
  const row = { audit_id: stableId(action, target, actor, String(at)), at, actor, action, target }
  await tx
    .workspace(workspace)
    .bulkInsert('audit', [{ ...row, detail_json: JSON.stringify({ note, ...figures }) }], 'ignore')
}

function templateFaults(file: WorkspaceFile): { field: string; detail: string }[] {
  return file.templates.flatMap((template, index) => {
    const result = compileTemplate(template)
    if (result.kind === 'compiled') return []
    return result.faults.map((detail) => ({ field: `templates[${index}]`, detail }))
  })
}

/** Messages of an offer whose pool is not there would all lapse. */
async function poolFaults(db: WorkspaceDb, { offers }: WorkspaceFile): Promise<DefinitionFault[]> {
  const named = offers.flatMap(({ couponPool }, i) => (couponPool === undefined ? [] : [{ couponPool, i }]))
  const pools = await loadPools(
    db,
    named.map(({ couponPool }) => couponPool),
  )
  return named
    .filter(({ couponPool }) => !pools.has(couponPool))
    .map(({ couponPool, i }) => ({
      field: `offers[${i}].couponPool`,
      detail: `there is no pool ${couponPool}: starling coupons pool ${couponPool} makes one`,
    }))
}

/** Templates of which no message can be sent, with what each provider of their channel says. */
function limitWarnings(file: WorkspaceFile, limits: ProviderLimits): string[] {
  return file.templates.flatMap((template) =>
    [...(limits.get(template.channel) ?? [])].flatMap(([provider, own]) => {
      const detail = alwaysOverLimit(template, own)
      return detail === null ? [] : [`template ${template.id}: ${provider}: ${detail}`]
    }),
  )
}

function segmentFaults(
  file: WorkspaceFile,
  known: Awaited<ReturnType<typeof loadSegments>>,
): { field: string; detail: string }[] {
  const named = new Set(file.segments.map((segment) => segment.id))
  const result = compileSegments([...known.filter((segment) => !named.has(segment.id)), ...file.segments])
  return result.kind === 'faults' ? result.faults.map((detail) => ({ field: 'segments', detail })) : []
}

import type {
  CampaignState,
  CampaignVersion,
  ChannelName,
  Goal,
  GuardrailRules,
  Priority,
  Template,
} from '#contracts/campaign.ts'
import type { PolicySnapshot } from '#contracts/decision.ts'
import type { FeatureSchema } from '#contracts/feature-schema.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { createReportingCurrency, type ReportingCurrency } from '#platform/money/reporting-currency.ts'
import type { SystemQuery } from '#platform/store/recurring-query.ts'
import type { StoreScope, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { type Cadence, compileCadence } from '../campaign/cadence.ts'
import { listCampaigns, loadCampaignVersion } from '../campaign/campaign-rows.ts'
import {
  loadCurrencyRates,
  loadGuardrailSettings,
  loadSegments,
  loadSubscriptionGroups,
} from '../campaign/document-rows.ts'
import { followedVersions } from '../campaign/journey-rows.ts'
import { loadWorkspace } from '../campaign/workspaces.ts'
import { type CompiledTemplate, compileTemplate } from '../creative/compile-template.ts'
import { latestSnapshot } from '../learning/snapshot-rows.ts'
import { type ConditionContext, compileCondition } from '../profile/condition.ts'
import { type CompiledSegments, compileSegments } from '../profile/segments.ts'
import { featuresOfSnapshot } from './feature-schema-for.ts'
import { type ItemNeeds, itemNeedsOf } from './items/item-needs.ts'
import { type TemplateNeeds, templateNeeds } from './template-needs.ts'

type Predicate = (context: ConditionContext) => boolean

/** A campaign version made ready to run: conditions compiled, goals at hand. */
export interface RunningCampaign {
  version: CampaignVersion
  live: boolean
  where: Predicate
  audience: Predicate
  goals: { goal: Goal; where: Predicate }[]
  cadence: Cadence | null
  /** Of an absence: whether an event is the one after which it runs, and the one that was to come. */
  absence: { after: Predicate; awaited: Predicate } | null
  /** Of each treatment, its variants' templates, compiled. */
  templates: CompiledTemplate[][]
  needs: TemplateNeeds
  /** What it asks of the catalogue; null: nothing. */
  itemNeeds: ItemNeeds | null
}

/** Everything of a workspace that a decision needs and that changes only when people change it. */
export interface WorkspaceContext {
  settings: WorkspaceSettings
  guardrails: GuardrailRules
  currency: ReportingCurrency
  segments: CompiledSegments
  /** Running campaigns, live or not, by id: conversions count on after a campaign's end. */
  campaigns: Map<string, RunningCampaign>
  byTriggerEvent: Map<string, RunningCampaign[]>
  bySegmentEntered: Map<string, RunningCampaign[]>
  byPlacement: Map<string, RunningCampaign[]>
  /** By the event after which an absence runs, and by the one that was to come. */
  byAbsenceAfter: Map<string, RunningCampaign[]>
  byAbsenceAwaited: Map<string, RunningCampaign[]>
  scheduled: RunningCampaign[]
  hasBroadcasts: boolean
  /** Older versions that journeys follow, by `followedKey`; more are added as they are met. */
  followed: Map<string, RunningCampaign>
  hasCadences: boolean
  /** Events that journeys listen to. */
  journeyEvents: ReadonlySet<string>
  /** Some campaign is or was shown at a placement: what was shown counts among the customers' contacts. */
  hasPlacements: boolean
  byGoalEvent: Map<string, RunningCampaign[]>
  /** Some cap is for the customers of an account together. */
  capsAccounts: boolean
  /** Or some goal is. */
  sharesAccounts: boolean
  hasLiveCampaigns: boolean
  /** By campaign, where its class is not the normal one. */
  priorities: Readonly<Record<string, Priority>>
  /** Channels in which some live campaign, or a version that is followed still, sends: placements show, and send none. */
  messageChannels: ReadonlySet<ChannelName>
  /** What its live campaigns, and versions that are followed still, ask of the catalogue; null: nothing. */
  itemNeeds: ItemNeeds | null
  /** Ids of live campaigns with a budget: their spend is read with every batch that may decide. */
  budgetedCampaigns: string[]
  snapshot: PolicySnapshot
  /** What the snapshot's heads look at. */
  features: FeatureSchema
}

/** Reads contexts and keeps them until the workspace's configuration or policy has a newer version. */
export interface WorkspaceContexts {
  load(scope: StoreScope, workspace: string): Promise<WorkspaceContext | null>
  /** The last one read, and whether it still is the newest: the answer to that may be asked for beside others. */
  known(workspace: string): KnownContext | null
}

export interface KnownContext {
  context: WorkspaceContext
  isNewest(scope: StoreScope): Promise<boolean>
}

export function createWorkspaceContexts(): WorkspaceContexts {
  const kept = new Map<string, { stamp: string; context: WorkspaceContext }>()
  return {
    async load(scope, workspace) {
      const stamp = await configurationVersion(scope, workspace)
      const known = kept.get(workspace)
      if (known?.stamp === stamp) return known.context
      const context = await readContext(scope, workspace)
      if (context === null) return null
      kept.set(workspace, { stamp, context })
      return context
    },
    known(workspace) {
      const own = kept.get(workspace)
      if (own === undefined) return null
      const isNewest = async (scope: StoreScope) =>
        (await configurationVersion(scope, workspace)) === own.stamp
      return { context: own.context, isNewest }
    },
  }
}

/**
 * Everything that changes a workspace's configuration or policy ends with this, in its own transaction:
 * whoever holds a context reads it again before its next batch. Claims under way are waited for: from here
 * on what they began to send can be listed, and the next claim judges by what this transaction wrote.
 */
export async function touchWorkspace(tx: StoreTransaction, workspace: string): Promise<void> {
  await tx.workspace(workspace).lock('configuration')
  const name = settingName(workspace)
  const next = String(Number(await configurationVersion(tx, workspace)) + 1)
  await tx.systemBulk('system_settings', [{ name, value: next }], { key: ['name'], update: ['value'] })
}

async function configurationVersion(scope: StoreScope, workspace: string): Promise<string> {
  const [row] = await scope.recurring(settingOfName, { name: settingName(workspace) })
  return row?.value ?? '0'
}

const settingOfName: SystemQuery<{ name: string }, { value: string }> = {
  like: { name: 'text' },
  build: (system, { name }) =>
    system
      .selectFrom('system_settings')
      .select('system_settings.value')
      .where('system_settings.name', '=', name),
}

function settingName(workspace: string): string {
  return `configuration-version:${workspace}`
}

async function readContext(scope: StoreScope, workspace: string): Promise<WorkspaceContext | null> {
  const settings = await loadWorkspace(scope, workspace)
  if (settings === null) return null
  const db = scope.workspace(workspace)
  const [guardrails, groups, segments, rates, versions, snapshot] = [
    await loadGuardrailSettings(db),
    await loadSubscriptionGroups(db),
    await loadSegments(db),
    await loadCurrencyRates(db),
    // Once launched, also paused and ended: their queued messages and their conversions are still theirs.
    (await listCampaigns(db)).filter(({ state }) => launchedStates.has(state)),
    await latestSnapshot(db),
  ]
  const compiled = compileSegments(segments)
  if (compiled.kind === 'faults') throw new Error(`segments of ${workspace}: ${compiled.faults.join('; ')}`)
  const campaigns = new Map(versions.map((version) => [version.campaignId, prepare(version)]))
  const all = [...campaigns.values()]
  const live = all.filter((campaign) => campaign.live)
  const followed = await loadFollowed(db, all)
  const capsAccounts = [guardrails, ...all.map(({ version }) => version.spec)].some(({ frequencyCaps }) =>
    frequencyCaps.some(({ per }) => per === 'account'),
  )
  const cadences = [...all, ...followed.values()].flatMap(({ cadence }) => cadence ?? [])
  return {
    settings,
    guardrails: { ...guardrails, topicKinds: new Map(groups.map(({ id, kind }) => [id, kind])) },
    currency: createReportingCurrency(settings.reportingCurrency, rates),
    segments: compiled.segments,
    campaigns,
    byTriggerEvent: groupBy(live, ({ version: { spec } }) =>
      'event' in spec.trigger ? [spec.trigger.event] : [],
    ),
    bySegmentEntered: groupBy(live, ({ version: { spec } }) =>
      'segmentEntered' in spec.trigger ? [spec.trigger.segmentEntered] : [],
    ),
    byPlacement: groupBy(live, ({ version: { spec } }) =>
      'placement' in spec.trigger ? [spec.trigger.placement] : [],
    ),
    byAbsenceAfter: groupBy(live, ({ version: { spec } }) =>
      'absence' in spec.trigger ? [spec.trigger.absence.after] : [],
    ),
    byAbsenceAwaited: groupBy(live, ({ version: { spec } }) =>
      'absence' in spec.trigger ? [spec.trigger.absence.event] : [],
    ),
    scheduled: live.filter(({ version }) => 'schedule' in version.spec.trigger),
    hasBroadcasts: all.some(({ version }) => 'broadcast' in version.spec.trigger),
    followed,
    hasCadences: cadences.length > 0,
    journeyEvents: new Set(cadences.flatMap(({ listeners }) => listeners.map(({ event }) => event))),
    hasPlacements: all.some(({ version: { spec } }) => 'placement' in spec.trigger),
    byGoalEvent: groupBy(all, ({ goals }) => goals.map(({ goal }) => goal.event)),
    capsAccounts,
    sharesAccounts: capsAccounts || all.some(({ goals }) => goals.some(({ goal }) => goal.per === 'account')),
    hasLiveCampaigns: live.length > 0,
    priorities: Object.fromEntries(
      all.flatMap(({ version: { campaignId, spec } }) =>
        spec.priority === undefined || spec.priority === 'normal' ? [] : [[campaignId, spec.priority]],
      ),
    ),
    messageChannels: new Set(
      [...live, ...followed.values()]
        .filter(({ version: { spec } }) => !('placement' in spec.trigger))
        .flatMap(({ version: { spec } }) => spec.treatments.map(({ channel }) => channel)),
    ),
    itemNeeds: itemNeedsOf([...live, ...followed.values()]),
    budgetedCampaigns: live.flatMap(({ version }) =>
      version.spec.budgetMicros === undefined ? [] : [version.campaignId],
    ),
    snapshot: snapshot ?? emptySnapshot,
    features: await featuresOfSnapshot(db, snapshot),
  }
}

/** Of campaigns that changed while customers were inside, the versions that those follow still. */
async function loadFollowed(db: WorkspaceDb, all: RunningCampaign[]): Promise<Map<string, RunningCampaign>> {
  const followed = new Map<string, RunningCampaign>()
  for (const { version: running } of all) {
    for (const version of await followedVersions(db, running.campaignId)) {
      if (version === running.version) continue
      const older = await loadFollowedVersion(db, running.campaignId, version)
      if (older !== null) followed.set(followedKey(running.campaignId, version), older)
    }
  }
  return followed
}

export async function loadFollowedVersion(
  db: WorkspaceDb,
  campaignId: string,
  version: number,
): Promise<RunningCampaign | null> {
  const found = await loadCampaignVersion(db, campaignId, version)
  return found === null ? null : prepare(found)
}

export function followedKey(campaignId: string, version: number): string {
  return `${campaignId}\u0000${version}`
}

const launchedStates: ReadonlySet<CampaignState> = new Set(['live', 'paused', 'ended'])

function prepare(version: CampaignVersion): RunningCampaign {
  const { spec } = version
  const where = 'where' in spec.trigger ? spec.trigger.where : undefined
  const compile = (condition: Parameters<typeof compileCondition>[0] | undefined): Predicate =>
    condition === undefined ? () => true : compileCondition(condition)
  const { trigger, cadence } = spec
  const absence =
    'absence' in trigger
      ? { after: compile(trigger.absence.afterWhere), awaited: compile(trigger.absence.where) }
      : null
  const templates = spec.treatments.map(({ variants }) => variants.map(({ template }) => compiled(template)))
  return {
    version,
    live: version.state === 'live',
    where: compile(where),
    audience: compile(spec.audience),
    cadence: cadence === undefined ? null : compileCadence({ ...spec, cadence }, compileCondition),
    absence,
    templates,
    needs: templateNeeds(spec, templates),
    itemNeeds: itemNeedsOf([{ version, templates }]),
    goals: [spec.goal, ...spec.alsoMeasure].map((goal) => ({ goal, where: compile(goal.where) })),
  }
}

function compiled(template: Template): CompiledTemplate {
  const result = compileTemplate(template)
  // Templates are compiled before they are applied: a fault here is a store that was edited by hand.
  if (result.kind === 'faults') throw new Error(`template ${template.id}: ${result.faults.join('; ')}`)
  return result.template
}

function groupBy(
  campaigns: RunningCampaign[],
  keys: (campaign: RunningCampaign) => string[],
): Map<string, RunningCampaign[]> {
  const groups = new Map<string, RunningCampaign[]>()
  for (const campaign of campaigns) {
    for (const key of new Set(keys(campaign))) groups.set(key, [...(groups.get(key) ?? []), campaign])
  }
  return groups
}

/** What a workspace decides by before its first campaign was launched: every head at its prior. */
export const emptySnapshot: PolicySnapshot = Object.freeze({
  snapshotId: 'none',
  sequence: 0,
  t: 1,
  boundMicros: 1_000_000,
  featureSchema: 'v1',
  heads: new Map(),
})

import type { CampaignVersion } from '#contracts/campaign.ts'
import type { DecodedDecision } from '#contracts/decision.ts'
import { haveSameDense } from '#contracts/feature-schema.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignVersion } from '../campaign/campaign-rows.ts'
import { loadRecords } from '../decision/decision-rows.ts'
import { decodeDecision } from '../decision/record.ts'
import {
  createDecisionLog,
  type DecisionLog,
  type LoggedDecision,
} from '../report/off-policy/decision-log.ts'
import { featureTraits } from './decision-features.ts'
import type { FeaturesAsOf, PastMoment } from './features-as-of.ts'
import { actionsOf, type EvaluationTarget, rewardOf, setRehearsedTarget } from './logged-actions.ts'

export interface LogSelection {
  campaignId: string
  goalId: string
  /** `conversions`: 1 where the goal was met. `value`: what that is worth less the cost, in units of money. */
  reward: 'conversions' | 'value'
  target: EvaluationTarget
  /** Injected clock. */
  now: number
  /** Decided within (instants, injected clock). */
  since: number
  until: number
  /** Only decisions that name this snapshot or a later one: what the target learned from is left out. */
  sinceSnapshotId: string
  /** What the target's schema sees at a moment; asked where a decision was made with another one. */
  featuresOf?: FeaturesAsOf
  decisionsMax: number
}

export type SkipReason =
  /** Its window is still open. */
  | 'not-matured'
  /** Erased. */
  | 'no-record'
  /** Nothing was drawn, or not by a policy with scores. */
  | 'no-draw'
  /** The campaign had no treatment in the draw. */
  | 'campaign-not-in-draw'
  /** Campaigns with another goal were in the draw: their conversions are not comparable. */
  | 'other-goals'
  /** Decided with other features than most, or what the target would see cannot be made again. */
  | 'other-features'
  /** The target may have learned from it. */
  | 'before-target'

export interface LoadedLog {
  log: DecisionLog
  skipped: Partial<Record<SkipReason, number>>
  firstDecidedAt: number
  lastDecidedAt: number
}

/** Decisions whose exposures are read in one go. */
const exposuresPerPage = 2_000

/**
 * The decisions in which a campaign took part and whose result is known, the newest first, as off-policy
 * evaluation reads them: what could be drawn with which probability, what was drawn, what came of it. Only
 * what was seen counts: a sent message, or a drawn "nothing".
 */
export async function loadDecisionLog(db: WorkspaceDb, selection: LogSelection): Promise<LoadedLog> {
  const versions = createVersions(db)
  const skipped: LoadedLog['skipped'] = {}
  let builder: ReturnType<typeof createDecisionLog> | null = null
  let dimensions = 0
  let taken = 0
  let firstDecidedAt = Number.POSITIVE_INFINITY
  let lastDecidedAt = Number.NEGATIVE_INFINITY
  for await (const page of exposedDecisions(db, selection)) {
    const days = page.map(([first]) => first.decision_day_utc)
    const range = { from: Math.min(...days), to: Math.max(...days) }
    const ids = page.map(([first]) => first.decision_id)
    const records = await loadRecords(db, ids, range)
    const seen = await seenByTarget(page, records, selection, versions)
    for (const exposures of page) {
      const id = exposures[0].decision_id
      const read = await readDecision(exposures, records.get(id), selection, { versions, seen: seen.get(id) })
      if (read === 'outside') continue
      if (typeof read === 'string') {
        skipped[read] = (skipped[read] ?? 0) + 1
        continue
      }
      const { length } = read.decision.features
      if (builder === null) dimensions = length
      builder ??= createDecisionLog(dimensions)
      if (length !== dimensions) {
        skipped['other-features'] = (skipped['other-features'] ?? 0) + 1
        continue
      }
      builder.add(read.decision)
      firstDecidedAt = Math.min(firstDecidedAt, read.decidedAt)
      lastDecidedAt = Math.max(lastDecidedAt, read.decidedAt)
      taken += 1
    }
    if (taken >= selection.decisionsMax) break
  }
  const log = (builder ?? createDecisionLog(0)).build()
  return { log, skipped, firstDecidedAt, lastDecidedAt }
}

type Exposures = [RowOf<'exposures'>, ...RowOf<'exposures'>[]]

/** Exposures of the goal by decision, newest day first: ids of decisions begin with their day. */
async function* exposedDecisions(
  db: WorkspaceDb,
  { goalId, since }: LogSelection,
): AsyncGenerator<Exposures[]> {
  const sinceDay = Math.floor(since / dayMs)
  let before: string | null = null
  for (;;) {
    let query = db
      .selectFrom('exposures')
      .selectAll('exposures')
      .where('exposures.goal_id', '=', goalId)
      .orderBy('exposures.decision_id', 'desc')
      .limit(exposuresPerPage)
    if (before !== null) query = query.where('exposures.decision_id', '<', before)
    const rows = await query.execute()
    const byDecision = [...Map.groupBy(rows, (row) => row.decision_id).values()] as Exposures[]
    // The last one of a full page may go on in the next: it is read again there.
    const isLastPage = rows.length < exposuresPerPage
    const whole = isLastPage || byDecision.length === 1 ? byDecision : byDecision.slice(0, -1)
    const last = whole.at(-1)
    if (last === undefined) return
    yield whole
    if (isLastPage || last[0].decision_day_utc < sinceDay) return
    before = last[0].decision_id
  }
}

const dayMs = 86_400_000

async function readDecision(
  exposures: Exposures,
  record: Uint8Array | undefined,
  selection: LogSelection,
  { versions, seen }: { versions: Versions; seen: Float64Array | undefined },
): Promise<{ decision: LoggedDecision; decidedAt: number } | SkipReason | 'outside'> {
  if (record === undefined) return 'no-record'
  const decoded = decodeDecision(record)
  const { decidedAt, choice } = decoded
  const reason = skipReasonOf(decoded, selection)
  if (reason !== null) return reason
  if (choice.kind !== 'treatment' && choice.kind !== 'nothing') return 'no-draw'
  const campaigns = await versions(decoded)
  if (campaigns === null) return 'no-record'
  const drawn = decoded.candidates.filter(({ probability }) => probability > 0)
  const taking = new Set(drawn.map(({ campaignIndex }) => campaignIndex))
  if ([...taking].some((index) => decoded.campaigns[index]?.policy === 'fixed-split')) return 'no-draw'
  if (![...taking].some((index) => campaigns[index]?.campaignId === selection.campaignId)) {
    return 'campaign-not-in-draw'
  }
  if ([...taking].some((index) => campaigns[index]?.spec.goal.id !== selection.goalId)) return 'other-goals'
  // Also where it has converted already: of the young ones only those would count.
  const isYoung = exposures.some((own) => own.state === 'open' || own.window_ends_at > selection.now)
  if (isYoung) return 'not-matured'
  const hasConverted = exposures.some(({ state }) => state !== 'open' && state !== 'closed')
  if (hasOtherFeatures(decoded, selection) && seen === undefined) return 'other-features'
  const actions = actionsOf({ record, decoded, campaigns, seen }, selection)
  if (selection.target.kind === 'rehearsed')
    await setRehearsedTarget(actions, decoded, selection, selection.target.rehearsed)
  const chosen = actions.find(({ candidateIndex }) =>
    choice.kind === 'nothing' ? candidateIndex < 0 : candidateIndex === choice.candidateIndex,
  )
  if (chosen === undefined) return 'no-draw'
  return {
    decidedAt,
    decision: {
      customer: exposures[0].customer_id,
      features: decoded.features,
      drawn: chosen.name,
      reward: rewardOf(selection.reward, hasConverted, chosen),
      actions: actions.map(({ name, logged, target }) => ({ name, logged, target })),
    },
  }
}

/** What can be told from the record alone. */
function skipReasonOf(
  { decidedAt, choice, snapshotId }: DecodedDecision,
  { since, until, sinceSnapshotId }: LogSelection,
): SkipReason | 'outside' | null {
  if (decidedAt < since || decidedAt > until) return 'outside'
  if (choice.kind !== 'treatment' && choice.kind !== 'nothing') return 'no-draw'
  // Text order is publication order. 'none' came before the first snapshot.
  const isAfter = snapshotId >= sinceSnapshotId && snapshotId !== 'none'
  return sinceSnapshotId !== '' && !isAfter ? 'before-target' : null
}

function hasOtherFeatures({ featureSchema }: DecodedDecision, { target }: LogSelection): boolean {
  return 'snapshot' in target && !haveSameDense(target.snapshot.featureSchema, featureSchema)
}

/** What the target sees where a decision was made with other features, by decision id. */
async function seenByTarget(
  page: Exposures[],
  records: ReadonlyMap<string, Uint8Array>,
  selection: LogSelection,
  versions: Versions,
): Promise<ReadonlyMap<string, Float64Array>> {
  if (selection.featuresOf === undefined) return new Map()
  const moments: PastMoment[] = []
  for (const [{ decision_id: decisionId, customer_id: customerId }] of page) {
    const record = records.get(decisionId)
    const decoded = record === undefined ? null : decodeDecision(record)
    if (decoded === null || skipReasonOf(decoded, selection) !== null) continue
    const campaigns = hasOtherFeatures(decoded, selection) ? await versions(decoded) : null
    if (campaigns === null) continue
    const { trigger, decidedAt } = decoded
    const { traits } = featureTraits(campaigns)
    moments.push({
      decisionId,
      customerId,
      triggerKind: trigger.kind,
      triggerId: trigger.triggerId,
      decidedAt,
      traits,
    })
  }
  return selection.featuresOf(moments)
}

type Versions = (decoded: DecodedDecision) => Promise<CampaignVersion[] | null>

/** The campaign versions a record names, each read once; null where one is not kept any more. */
function createVersions(db: WorkspaceDb): Versions {
  const kept = new Map<string, CampaignVersion | null>()
  return async ({ campaigns }) => {
    const versions: CampaignVersion[] = []
    for (const { campaignId, version } of campaigns) {
      const key = `${campaignId} ${version}`
      if (!kept.has(key)) kept.set(key, await loadCampaignVersion(db, campaignId, version))
      const found = kept.get(key)
      if (!found) return null
      versions.push(found)
    }
    return versions
  }
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { loadDocuments } from '../../campaign/document-rows.ts'
import { loadWorkspace } from '../../campaign/workspaces.ts'
import { firstFeatureSchema } from '../../decision/feature-schemas.ts'
import { createIngest } from '../../ingest/ingest.ts'
import { parseRequest } from '../../ingest/parse-request.ts'
import { ensureSnapshotFor, latestSequence } from '../../learning/snapshot-rows.ts'
import { createIdentities } from '../../profile/identities.ts'
import type { UpliftReport } from '../../report/report-schema.ts'
import { playShop } from '../../simulate/play-shop.ts'
import { createShop, type ShopEvent } from '../../simulate/shop.ts'
import { campaignReport } from '../campaign-report.ts'
import type { EngineParts } from '../engine-parts.ts'
import { firstStart } from '../first-start.ts'
import { openInThreadEngine } from '../in-thread-engine.ts'
import { createNewlySent } from '../newly-sent.ts'
import { touchWorkspace } from '../workspace-context.ts'
import { copyPools } from './copy-pools.ts'
import type { Prediction } from './predict-outcome.ts'
import type { RehearsalParts, RehearsalRequest, RehearsalResult } from './rehearse.ts'
import { tally } from './tally.ts'
import { type Wish, wishedChange } from './wished-change.ts'

export interface SimulatedRequest extends RehearsalRequest {
  customers: number
  seed: number
}

const hour = 3_600_000
const shopCampaign = new URL('../../simulate/shop-campaign.yaml', import.meta.url)

/**
 * Plays a programme over a planted shop instead of over history, with learning and all, from a policy that knows
 * nothing. Without a wish: over the shop's own campaign.
 */
export async function rehearseShop(
  { store: live, now, onProgress = () => undefined }: RehearsalParts,
  { workspace, days, wish, customers, seed }: SimulatedRequest,
): Promise<RehearsalResult> {
  const endsAt = Math.floor(now / hour) * hour
  const startsAt = endsAt - days * 24 * hour
  const dataDir = mkdtempSync(join(tmpdir(), 'starling-rehearsal-'))
  const clock = createSteppedClock(startsAt)
  const engine = await openInThreadEngine({
    dataDir,
    clock,
    seed,
    logger: quiet,
    // A step's events are up to a step old when they are applied.
    settings: { triggerMaxAgeMs: hour },
  })
  try {
    const { store, log } = engine.parts
    const fault = await install(engine.parts, live, { workspace, wish: wish ?? ownCampaign() })
    if (fault !== null) return { kind: 'refused', detail: fault }
    const shop = createShop({ seed, customers, startsAt, days })
    const ingest = createIngest({ log, identities: createIdentities(store) })
    const db = store.read.workspace(workspace)
    await playShop({
      shop,
      clock,
      startsAt,
      endsAt,
      stepMs: hour,
      onStep: (done, total) => onProgress({ stage: 'playing', done, total }),
      world: {
        async deliver(events) {
          const body = Buffer.from(JSON.stringify({ batch: events.map(batchEventOf) }))
          const request = parseRequest(body, 'batch', ingest.limits)
          if (!('events' in request)) throw new Error(request.detail)
          const answer = await ingest.ingest(workspace, request, engine.parts.wallClock.now())
          if (answer.kind !== 'accepted') throw new Error(JSON.stringify(answer))
        },
        settle: engine.drain,
        received: createInbox(
          db,
          new Map(shop.customers.map(({ userId }) => [customerIdOf(workspace, 'user', userId), userId])),
        ),
        async click() {},
      },
    })
    onProgress({ stage: 'counting', done: 0, total: 1 })
    const until = endsAt + 1
    return {
      kind: 'rehearsal',
      over: 'simulation',
      changed: wish !== undefined,
      since: startsAt,
      until,
      recorded: null,
      rehearsed: await tally(db, { since: startsAt, until }),
      exact: null,
      predictions: await predictions(store, workspace, endsAt),
      notes: [
        `A simulation: ${customers} planted customers of a shop (seed ${seed}), of nobody real. They respond to the offers free-shipping, ten-percent, bundle and early-access by email and sms, and to nothing else.`,
      ],
    }
  } finally {
    await engine.close()
    rmSync(dataDir, { recursive: true })
  }
}

function ownCampaign(): Wish {
  return { kind: 'file', text: readFileSync(shopCampaign, 'utf8') }
}

/** The workspace as it is defined now, with the wish live. Null, or why it cannot be. */
async function install(
  { store, clock }: Pick<EngineParts, 'store' | 'clock'>,
  live: Store,
  { workspace, wish }: { workspace: string; wish: Wish },
): Promise<string | null> {
  const settings = await loadWorkspace(live.read, workspace)
  if (settings === null) return `there is no workspace ${workspace}`
  const { zone, reportingCurrency, country } = settings
  const at = clock.now()
  const inCountry = country === undefined ? {} : { country }
  await firstStart(store, { workspace, sendMode: 'outbox', zone, reportingCurrency, now: at, ...inCountry })
  const documents = await loadDocuments(live.read.workspace(workspace))
  await store.transaction(async (tx) => {
    const rows = documents
      .filter(({ kind }) => kind !== 'campaign')
      .map(({ kind, id, version, body }) => ({
        kind,
        document_id: id,
        version,
        body_json: JSON.stringify(body),
        actor: 'rehearsal',
        created_at: at,
      }))
    await tx.workspace(workspace).bulkInsert('documents', rows, 'ignore')
    await copyPools(live.read.workspace(workspace), tx.workspace(workspace))
  })
  const parts = { scratch: store, live: live.read.workspace(workspace), workspace, clock, since: at }
  const change = await wishedChange(wish, parts)
  if (change.kind === 'refused') return change.detail
  await change.apply()
  await coverByPolicy(store, workspace, at)
  return change.fault()
}

/** What a launch does for the policy. */
async function coverByPolicy(store: Store, workspace: string, now: number): Promise<void> {
  await store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    const rows = await db
      .selectFrom('campaign_versions')
      .select('campaign_versions.body_json')
      .where('campaign_versions.state', '=', 'live')
      .execute()
    for (const { body_json } of rows) {
      const first = (await latestSequence(db)) === 0 ? firstFeatureSchema : undefined
      await ensureSnapshotFor(
        db,
        JSON.parse(body_json) as Parameters<typeof ensureSnapshotFor>[1],
        now,
        first,
      )
    }
    await touchWorkspace(tx, workspace)
  })
}

/** A shop event as the batch path takes it. */
function batchEventOf(event: ShopEvent): object {
  return { ...event, timestamp: new Date(event.timestamp).toISOString() }
}

/** What the shop's customers got since the last call, in the shop's words. */
function createInbox(db: WorkspaceDb, userIds: ReadonlyMap<string, string>) {
  const newlySent = createNewlySent(db)
  return async () =>
    (await newlySent()).flatMap((row) => {
      const userId = userIds.get(row.customer_id)
      if (userId === undefined) return []
      return [
        { messageId: row.message_id, userId, treatmentId: treatmentOf(row.treatment_id), at: row.state_at },
      ]
    })
}

/** Of a cadence's `step/offer/channel` the last two. */
function treatmentOf(treatmentId: string): string {
  return treatmentId.split('/').slice(-2).join('/')
}

async function predictions(store: Store, workspace: string, now: number): Promise<Prediction[]> {
  const rows = await store.read
    .workspace(workspace)
    .selectFrom('campaign_versions')
    .select('campaign_versions.campaign_id')
    .distinct()
    .execute()
  const found: Prediction[] = []
  for (const { campaign_id: campaignId } of rows) {
    const report = await campaignReport(store, workspace, campaignId, now)
    if (report !== null) found.push(predictionOf(campaignId, report))
  }
  return found
}

function predictionOf(campaignId: string, report: UpliftReport): Prediction {
  const comparison = report.comparisons.find(({ kind }) => kind === 'holdout')
  const goal = comparison?.goals[0]
  const difference = goal?.rate.difference ?? null
  const none = 'the campaign holds nobody out: what customers do without it is not known'
  const few = 'too few customers on one of both sides'
  return {
    campaignId,
    goalId: goal?.goalId ?? '',
    by: 'holdout',
    decisions: (goal?.treated.customers ?? 0) + (goal?.control.customers ?? 0),
    recorded: null,
    rehearsed: difference === null ? null : { value: difference.estimate, interval: difference.fixed },
    refusals: difference === null ? [comparison === undefined ? none : few] : [],
  }
}

const quiet = { error() {}, warn() {}, info() {}, debug() {} }

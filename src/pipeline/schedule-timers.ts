import { instantOfLocal } from '#platform/clock/local-time.ts'
import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import { hasOccurrence, nextOccurrence } from '../campaign/schedule.ts'
import { loadCustomers } from '../profile/customer-rows.ts'
import { zoneOf } from './customer-zone.ts'
import type { BatchParts } from './process-batch.ts'
import { noteRound } from './timer-round-rows.ts'
import { setTimers, type TimerSetting } from './timer-rows.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'
import type { RunningCampaign } from './workspace-context.ts'

/**
 * The customer's timer for the campaign's next occurrence after `now`: each customer waits for it by the clock
 * that the schedule names.
 */
export function scheduleTimer(
  rows: Pick<WorkspaceBatch, 'customers' | 'context'>,
  customerId: string,
  { version }: RunningCampaign,
  now: number,
): TimerSetting {
  const key = { customerId, kind: 'schedule' as const, subject: version.campaignId }
  const { trigger } = version.spec
  if (!('schedule' in trigger)) return { ...key, dueAt: null }
  const { schedule } = trigger
  const zone = schedule.clock === 'customer' ? zoneOf(rows, customerId) : rows.context.settings.zone
  const next = nextOccurrence(schedule, zone, now)
  if (next === null) return { ...key, dueAt: null }
  return { ...key, dueAt: next.at, payload: { occurrence: next.id } }
}

/** When an occurrence comes round by the clock of a zone. */
export function occurrenceAt(occurrence: string, zone: string): number {
  const instant = Date.parse(`${occurrence}:00Z`)
  const dayNumber = Math.floor(instant / dayMs)
  return instantOfLocal({ dayNumber, minuteOfDay: (instant - dayNumber * dayMs) / 60_000 }, zone)
}

const dayMs = 86_400_000

/** Customers who get their timers in one transaction. */
const customersPerTransaction = 200

/**
 * A schedule that has just been launched: everybody who is there gets a timer, page by page; how far it came is
 * written with each page. Returns how many customers were looked at.
 */
export async function startSchedules(parts: BatchParts, store: Store, workspace: string): Promise<number> {
  const known = await parts.contexts.load(store.read, workspace)
  if (known === null || known.scheduled.length === 0) return 0
  const rounds = new Map(
    (await loadRounds(store.read.workspace(workspace))).map((round) => [round.campaign_id, round]),
  )
  const open = known.scheduled.find(({ version: { campaignId, version } }) => {
    const round = rounds.get(campaignId)
    return round === undefined || round.version < version || round.done === 0
  })
  if (open === undefined) return 0
  return store.transaction(async (tx) => {
    const context = await parts.contexts.load(tx, workspace)
    const db = tx.workspace(workspace)
    const { campaignId, version } = open.version
    const campaign = context?.scheduled.find((own) => own.version.campaignId === campaignId)
    if (context === null || campaign?.version.version !== version || !(await db.tryLock('timers'))) return 0
    const round = (await loadRounds(db)).find((own) => own.campaign_id === campaignId)
    const after = round?.version === version ? round.cursor_id : ''
    const ids = await customersAfter(db, after, customersPerTransaction)
    const rows = { customers: await loadCustomers(db, ids), context }
    const now = parts.clock.now()
    const waiting = await waitingFor(db, ids, campaign)
    const lacking = ids.filter((customerId) => !waiting.has(customerId))
    await setTimers(
      db,
      lacking.map((customerId) => scheduleTimer(rows, customerId, campaign, now)),
    )
    const done = ids.length < customersPerTransaction ? (1 as const) : (0 as const)
    const next = { campaign_id: campaignId, version, cursor_id: ids.at(-1) ?? after, done }
    await db.bulkInsert('schedule_rounds', [next], {
      key: ['workspace', 'campaign_id'],
      update: ['version', 'cursor_id', 'done'],
    })
    await noteRound(db, { kind: 'schedules', firedAt: now, subjects: [campaignId] })
    // The round's own row counts too: with nobody there yet something was done still.
    return ids.length + 1
  })
}

/**
 * Who waits for an occurrence of the schedule already, after a pause or a change of something else: setting them
 * again would bring one to who has travelled west since it came.
 */
async function waitingFor(
  db: WorkspaceDb,
  customerIds: string[],
  { version }: RunningCampaign,
): Promise<ReadonlySet<string>> {
  const { trigger } = version.spec
  if (!('schedule' in trigger) || customerIds.length === 0) return new Set()
  const timers = await db
    .selectByKeys('timers', 'customer_id', customerIds)
    .where('timers.kind', '=', 'schedule')
    .where('timers.subject', '=', version.campaignId)
    .select(['timers.customer_id', 'timers.payload_json'])
    .execute()
  const kept = timers.filter(({ payload_json }) =>
    hasOccurrence(trigger.schedule, (JSON.parse(payload_json) as { occurrence: string }).occurrence),
  )
  return new Set(kept.map((timer) => timer.customer_id))
}

function loadRounds(db: WorkspaceDb): Promise<RowOf<'schedule_rounds'>[]> {
  return db.selectFrom('schedule_rounds').selectAll('schedule_rounds').execute()
}

async function customersAfter(db: WorkspaceDb, after: string, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('customers')
    .select('customers.customer_id')
    .where('customers.customer_id', '>', after)
    .where('customers.merged_into', 'is', null)
    .orderBy('customers.customer_id')
    .limit(limit)
    .execute()
  return rows.map((row) => row.customer_id)
}

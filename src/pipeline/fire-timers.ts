import type { Customer } from '#contracts/profile.ts'
import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import { lastOccurrence } from '../campaign/schedule.ts'
import { noteAccount } from '../profile/accounts.ts'
import { lookAtSegments } from './apply-product-event.ts'
import { zoneOf } from './customer-zone.ts'
import { deleteHeldClicks, heldOf, releaseClicks } from './held-clicks.ts'
import { noticesOf } from './notices.ts'
import type { BatchParts } from './process-batch.ts'
import { occurrenceAt, scheduleTimer } from './schedule-timers.ts'
import { noteRound } from './timer-round-rows.ts'
import { dueTimers, type TimerKey, type TimerPayload } from './timer-rows.ts'
import { triggerCampaigns } from './trigger-campaigns.ts'
import { openWorkspaceBatch, type WorkspaceBatch, writeWorkspaceBatch } from './workspace-batch.ts'
import type { WorkspaceContext } from './workspace-context.ts'

/** Few enough to stay near the 5 ms that a batch may take while others wait. */
const timersPerTransaction = 50

/**
 * Fires due timers of one workspace: time alone moved these customers into or out of segments, an event that was
 * to come has not, a schedule has come round. Reading, acting and moving the timer are one transaction, so a
 * crash fires a timer again and never twice in effect.
 */
export async function fireTimers(parts: BatchParts, store: Store, workspace: string): Promise<number> {
  const now = parts.clock.now()
  const waiting = await dueTimers(store.read.workspace(workspace), now, 1)
  if (waiting.length === 0) return 0
  return store.transaction(async (tx) => {
    const context = await parts.contexts.load(tx, workspace)
    if (context === null) return 0
    const db = tx.workspace(workspace)
    // Another worker is at it: two would fire the same ones.
    if (!(await db.tryLock('timers'))) return 0
    const timers = await dueTimers(db, now, timersPerTransaction)
    await fireTheseTimers(parts, db, context, timers, now)
    return timers.length
  })
}

/** The part of it inside the transaction. */
export async function fireTheseTimers(
  parts: BatchParts,
  db: WorkspaceDb,
  context: WorkspaceContext,
  timers: readonly Timer[],
  now: number,
): Promise<void> {
  const ids = [...new Set(timers.map((timer) => timer.customer_id))]
  const held = await heldOf(
    db,
    timers.filter((timer) => timer.kind === 'clicks').map((timer) => timer.customer_id),
  )
  const earliestOccurredAt = Math.min(now, ...held.map(({ record }) => record.occurredAt))
  const accountIds = timers.filter(({ kind }) => kind === 'account').map(({ subject }) => subject)
  const needs = { eventIds: [], customerIds: ids, engagedCustomerIds: ids, accountIds, earliestOccurredAt }
  const rows = await openWorkspaceBatch(db, context, needs, now, parts.capCache)
  const done: typeof held = []
  for (const timer of timers) {
    const { kind, subject } = keyOf(timer)
    // Removed unless what follows sets it again.
    rows.written.timers.push({ customerId: timer.customer_id, kind, subject, dueAt: null })
    if (kind === 'clicks') {
      const own = held.filter((click) => click.customer_id === timer.customer_id)
      done.push(...releaseClicks(rows, own, now))
      continue
    }
    const customer = rows.customers.get(timer.customer_id)
    if (customer === undefined || customer.mergedInto !== null) continue
    if (kind === 'account') noteChange(rows, timer, customer)
    if (kind === 'segments' || kind === 'account') fireSegments(parts, rows, timer, customer, now)
    if (kind === 'absence') fireAbsence(parts, rows, timer, customer, now)
    if (kind === 'schedule') fireSchedule(parts, rows, timer, customer, now)
    rows.changed.add(customer.customerId)
  }
  await writeWorkspaceBatch(rows, now)
  await deleteHeldClicks(db, done)
  await noteRound(db, { kind: 'timers', firedAt: now, subjects: timers.map((timer) => timer.timer_id) })
  await parts.publish?.(noticesOf(rows))
}

type Timer = RowOf<'timers'>

function keyOf({ kind, subject }: Timer) {
  return { kind: kind as TimerKey['kind'], subject }
}

function fireSegments(
  parts: BatchParts,
  rows: WorkspaceBatch,
  timer: Timer,
  customer: Customer,
  now: number,
): void {
  for (const segmentId of lookAtSegments(rows, customer, now)) {
    triggerCampaigns(parts.decision, rows, {
      customer,
      campaigns: rows.context.bySegmentEntered.get(segmentId) ?? [],
      trigger: { kind: 'timer', triggerId: `${timer.timer_id}:${timer.due_at}:${segmentId}`, step: 0 },
      now,
      receivedAt: now,
      event: { name: 'Segment Entered', properties: { segment: segmentId } },
    })
  }
}

/** The account's traits have changed by what somebody else of it did. */
function noteChange(rows: WorkspaceBatch, { subject }: Timer, { profile }: Customer): void {
  const account = rows.accounts.get(subject)
  if (account !== undefined && Object.hasOwn(profile.accounts ?? {}, subject)) noteAccount(profile, account)
}

/** The event has not come in time: had it come, there would be no timer. */
function fireAbsence(
  parts: BatchParts,
  rows: WorkspaceBatch,
  timer: Timer,
  customer: Customer,
  now: number,
): void {
  const campaign = rows.context.campaigns.get(timer.subject)
  const payload = JSON.parse(timer.payload_json) as TimerPayload
  if (campaign === undefined || !campaign.live || campaign.absence === null || !('eventId' in payload)) return
  const { eventId, at, event } = payload as Extract<TimerPayload, { eventId: string }>
  triggerCampaigns(parts.decision, rows, {
    customer,
    campaigns: [campaign],
    trigger: { kind: 'timer', triggerId: `${timer.timer_id}:${eventId}`, step: 0 },
    now,
    receivedAt: now,
    event,
    since: at,
  })
}

/**
 * Of several occurrences that were missed the last comes, unless it was missed by more than a message would wait;
 * those of a pause do not.
 */
function fireSchedule(
  parts: BatchParts,
  rows: WorkspaceBatch,
  timer: Timer,
  customer: Customer,
  now: number,
): void {
  const campaign = rows.context.campaigns.get(timer.subject)
  const { occurrence } = JSON.parse(timer.payload_json) as { occurrence: string }
  const spec = campaign?.version.spec
  if (campaign === undefined || spec === undefined || !('schedule' in spec.trigger)) return
  const { customerId } = customer
  const key = { customerId, kind: 'schedule' as const, subject: timer.subject }
  const { schedule } = spec.trigger
  const zone = schedule.clock === 'customer' ? zoneOf(rows, customerId) : rows.context.settings.zone
  const dueAt = occurrenceAt(occurrence, zone)
  if (dueAt > now) {
    // The customer has travelled west meanwhile.
    rows.written.timers.push({ ...key, dueAt, payload: { occurrence } })
    return
  }
  const last = lastOccurrence(schedule, zone, { id: occurrence, at: dueAt }, now)
  if (campaign.version.state !== 'ended')
    rows.written.timers.push(scheduleTimer(rows, customerId, campaign, now))
  if (!campaign.live || now - last.at > spec.expiresAfterMs) return
  triggerCampaigns(parts.decision, rows, {
    customer,
    campaigns: [campaign],
    trigger: { kind: 'timer', triggerId: `${timer.subject}:${last.id}`, step: 0 },
    now,
    receivedAt: now,
    event: { name: 'Schedule', properties: { occurrence: last.id } },
    since: last.at,
  })
}

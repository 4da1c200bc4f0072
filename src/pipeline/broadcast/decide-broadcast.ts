import type { Customer } from '#contracts/profile.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import type { BroadcastRun } from '../../campaign/broadcast-rows.ts'
import { updateSegments } from '../../profile/segments.ts'
import { lookAtSegments } from '../apply-product-event.ts'
import { noticesOf } from '../notices.ts'
import type { BatchParts } from '../process-batch.ts'
import { noteRound } from '../timer-round-rows.ts'
import { triggerCampaigns } from '../trigger-campaigns.ts'
import { openWorkspaceBatch, type WorkspaceBatch, writeWorkspaceBatch } from '../workspace-batch.ts'
import type { RunningCampaign, WorkspaceContext } from '../workspace-context.ts'
import type { BroadcastPage } from './feed-broadcasts.ts'

/** The rows of a page's customers, opened once and written once. */
export interface BroadcastBatch {
  /** Decides about one of them, unless this run has already: then false. */
  decide(customer: Customer, properties: Record<string, string>): boolean
  /** Writes what was decided; the run with its counts. */
  write(): Promise<BroadcastRun>
}

export async function openBroadcastBatch(
  parts: BatchParts,
  { tx, context, campaign, run, now }: Pick<BroadcastPage, 'tx' | 'context' | 'campaign' | 'run' | 'now'>,
  members: readonly Customer[],
): Promise<BroadcastBatch> {
  const db = tx.workspace(run.workspace)
  const ids = members.map(({ customerId }) => customerId)
  const customers = new Map(members.map((customer) => [customer.customerId, customer]))
  const needs = {
    eventIds: [],
    customerIds: ids,
    engagedCustomerIds: ids,
    earliestOccurredAt: now,
    customers,
  }
  const rows = await openWorkspaceBatch(db, context, needs, now, parts.capCache)
  const decided = await decidedAbout(db, run, ids)
  const tally = { ...run }
  const taken: string[] = []
  let lastProperties = ''
  return {
    decide(customer, properties) {
      if (decided.has(customer.customerId)) return false
      const own = JSON.stringify(properties)
      if (own !== lastProperties) taken.push(own)
      lastProperties = own
      taken.push(customer.customerId)
      decideAbout(parts, rows, { campaign, tally, customer, properties, now })
      return true
    },
    async write() {
      await writeWorkspaceBatch(rows, now)
      const subjects = [run.campaign_id, String(run.run), String(run.started_at), ...taken]
      if (taken.length > 0) await noteRound(db, { kind: 'broadcast', firedAt: now, subjects })
      await parts.publish?.(noticesOf(rows))
      return tally
    },
  }
}

/** Names the run: nobody is decided about twice for it. */
export function runTriggerId({ campaign_id, run }: BroadcastRun): string {
  return `${campaign_id}:broadcast-${run}`
}

/** Whether the customer is in the audience at this moment, with segments as they are now. */
export function isInAudience(
  context: WorkspaceContext,
  campaign: RunningCampaign,
  { profile }: Customer,
  now: number,
): boolean {
  const segments = { ...profile.segments }
  const current = { ...profile, segments }
  updateSegments(current, context.segments, now)
  return campaign.audience({ profile: current, now })
}

function decideAbout(
  parts: BatchParts,
  rows: WorkspaceBatch,
  {
    campaign,
    tally,
    customer,
    properties,
    now,
  }: {
    campaign: RunningCampaign
    tally: BroadcastRun
    customer: Customer
    properties: Record<string, string>
    now: number
  },
): void {
  const triggerId = runTriggerId(tally)
  const moment = { customer, now, receivedAt: now }
  for (const segmentId of enteredSegments(rows, customer, now)) {
    triggerCampaigns(parts.decision, rows, {
      ...moment,
      campaigns: rows.context.bySegmentEntered.get(segmentId) ?? [],
      trigger: { kind: 'timer', triggerId: `${triggerId}:${segmentId}`, step: 0 },
      event: { name: 'Segment Entered', properties: { segment: segmentId } },
    })
  }
  // A journey's rows are guarded by the customer's version.
  if (campaign.cadence !== null) rows.changed.add(customer.customerId)
  const before = rows.written.decisions.length
  triggerCampaigns(parts.decision, rows, {
    ...moment,
    campaigns: [campaign],
    trigger: { kind: 'timer', triggerId, step: 0 },
    event: { name: 'Broadcast', properties },
  })
  for (let i = before; i < rows.written.decisions.length; i += 1) {
    const { outcome } = rows.written.decisions[i]!
    if (outcome === 'treatment') tally.queued += 1
    else if (outcome === 'held-out') tally.held_out += 1
    else if (outcome === 'nothing') tally.undrawn += 1
    else tally.refused += 1
  }
}

/**
 * A segment that was defined, or that time has moved, since the customer was last looked at: what that brings
 * about comes first, as it would have with the customer's next event.
 */
function enteredSegments(rows: WorkspaceBatch, customer: Customer, now: number): string[] {
  const current = { ...customer.profile, segments: { ...customer.profile.segments } }
  const { entered, left } = updateSegments(current, rows.context.segments, now)
  if (entered.length === 0 && left.length === 0) return []
  rows.changed.add(customer.customerId)
  return lookAtSegments(rows, customer, now)
}

/** Somebody who was decided about under another id, which was merged into this one since. */
async function decidedAbout(db: WorkspaceDb, run: BroadcastRun, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const found = await db
    .selectByKeys('decisions', 'customer_id', ids)
    .where('decisions.decided_at', '>=', run.started_at)
    .where('decisions.day_utc', '>=', dayUtcOf(run.started_at))
    .where('decisions.trigger_id', '=', runTriggerId(run))
    .select('decisions.customer_id')
    .execute()
  return new Set(found.map((row) => row.customer_id))
}

import type { CapCache } from '#contracts/cap-cache.ts'
import type { Clock } from '#contracts/clock.ts'
import type { DeliveryPayload } from '#contracts/delivery.ts'
import type {
  CustomerEvent,
  DecisionPayload,
  EngagementPayload,
  LogRecord,
  OutcomePayload,
} from '#contracts/event.ts'
import type { LogAppend, LogBatch } from '#contracts/event-log.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { PushEndpoint } from '#contracts/push-address.ts'
import type { StoreTransaction } from '#platform/store/store.ts'
import { together } from '#platform/store/together.ts'
import type { EventCatalogue } from '../ingest/catalogue/event-catalogue.ts'
import { accountIdOf } from '../profile/accounts.ts'
import { deviceTokenOf } from '../profile/device-token.ts'
import { clicked } from '../profile/event-counts.ts'
import { applyEngagementRecord } from './apply-engagement.ts'
import { applyProductEvent } from './apply-product-event.ts'
import type { DecisionParts } from './decision-input.ts'
import { holdClick } from './held-clicks.ts'
import { mergeCustomer } from './merge-customer.ts'
import { type Notice, noticesOf, unreadableNotices } from './notices.ts'
import { applyDecision } from './placement/apply-decision.ts'
import { applyOutcome } from './placement/apply-outcome.ts'
import { rejectedRow } from './rejected-event-rows.ts'
import {
  type BatchNeeds,
  openWorkspaceBatch,
  type WorkspaceBatch,
  writeWorkspaceBatch,
} from './workspace-batch.ts'
import type { WorkspaceContext, WorkspaceContexts } from './workspace-context.ts'

export interface BatchParts {
  contexts: WorkspaceContexts
  catalogue: EventCatalogue
  decision: DecisionParts
  clock: Clock
  /** Several processes: refuses early, and spares the ledger a read. */
  capCache?: CapCache
  /** Milliseconds of a steady clock, for the 5 ms bound. */
  steadyNowMs: () => number
  /** An event older than this changes the profile and triggers nothing. */
  triggerMaxAgeMs: number
  /** Tells other systems, inside the transaction; absent where nobody listens. */
  publish?: (notices: Notice[]) => Promise<void>
  /** A batch ends after this long while another writer waits. */
  batchMaxMs: number
}

export interface BatchResult {
  /** Records taken from the front of the batch: the rest is read again. */
  taken: number
  decisions: number
  /** Records of customers that were merged away, on their way to the canonical one. */
  forwards: LogAppend[]
  /** What other systems are told, where there is a way to them. */
  notices: Notice[]
  /** Messages that somebody is to send. */
  queued: number
}

/**
 * Applies a prefix of the batch inside the given transaction. It ends early when another writer has waited
 * for `batchMaxMs`, and before a record that merges customers, so that a merge always comes first in its
 * batch and sees rows that are all written.
 */
export async function processBatch(
  parts: BatchParts,
  tx: StoreTransaction,
  batch: LogBatch,
): Promise<BatchResult> {
  const startedMs = parts.steadyNowMs()
  const now = parts.clock.now()
  const result: BatchResult = { taken: 0, decisions: 0, forwards: [], notices: [], queued: 0 }
  const records = await prefixUpToMerge(tx, batch.records, now)
  const batches = await openBatches(parts, tx, records, now)
  for (const record of records) {
    result.taken += 1
    if (record === null) continue
    const rows = batches.get(record.workspace)
    if (rows !== undefined) applyRecord(parts, rows, record, now, result)
    if (tx.othersWait() && parts.steadyNowMs() - startedMs > parts.batchMaxMs) break
  }
  for (const rows of batches.values()) {
    result.queued += rows.written.messages.length
    await together(
      writeWorkspaceBatch(rows, now),
      parts.catalogue.take(rows.db, batch.partition, rows.written.events),
    )
    if (parts.publish !== undefined) result.notices.push(...noticesOf(rows))
  }
  if (parts.publish !== undefined) result.notices.push(...unreadableNotices(batch, result.taken))
  return result
}

function applyRecord(
  parts: BatchParts,
  rows: WorkspaceBatch,
  record: LogRecord,
  now: number,
  result: BatchResult,
): void {
  if (record.kind === 'rejected') {
    rows.written.rejected.push(rejectedRow(record))
    return
  }
  const canonical = rows.customers.get(record.customerId)?.mergedInto
  if (canonical !== undefined && canonical !== null) {
    result.forwards.push(forward(record, canonical))
    return
  }
  if (rows.seen.has(record.eventId)) return
  rows.seen.add(record.eventId)
  if (record.kind === 'decision') {
    result.decisions += applyDecision(rows, record as LogRecord<DecisionPayload>)
    return
  }
  if (record.kind === 'outcome') {
    applyOutcome(rows, record as LogRecord<OutcomePayload>, now)
    return
  }
  if (record.kind === 'delivery') {
    rows.written.deliveries.push(record as LogRecord<DeliveryPayload>)
    return
  }
  if (record.kind === 'click' || record.kind === 'open') {
    const engagement = record as LogRecord<EngagementPayload>
    if (engagement.payload.held === true) holdClick(rows, engagement, now)
    else applyEngagementRecord(rows, engagement, now)
    return
  }
  result.decisions += applyProductEvent(parts, rows, record as CustomerEvent, now)
}

/** The pointer rule: the owner of a merged customer hands the record on, without marking it seen. */
function forward(record: LogRecord, customerId: string): LogAppend {
  return {
    key: customerKey(record.workspace, customerId),
    body: JSON.stringify({ ...record, customerId }),
  }
}

/**
 * The records before the next merge; when the first record merges, the merge is done here. Most identify
 * calls repeat an old link: those merge nothing and end no batch.
 */
async function prefixUpToMerge(
  tx: StoreTransaction,
  records: (LogRecord | null)[],
  now: number,
): Promise<(LogRecord | null)[]> {
  const open = await unmerged(tx, records)
  if (open.size === 0) return records
  for (const [index, record] of records.entries()) {
    const from = mergeFromOf(record).filter((id) => open.has(customerKey(record?.workspace ?? '', id)))
    if (record === null || from.length === 0) continue
    if (index > 0) return records.slice(0, index)
    for (const customerId of from) {
      await mergeCustomer(tx.workspace(record.workspace), customerId, record.customerId, now)
      open.delete(customerKey(record.workspace, customerId))
    }
  }
  return records
}

/** Customers that records of the batch say were linked to another and whose rows have not moved yet. */
async function unmerged(tx: StoreTransaction, records: (LogRecord | null)[]): Promise<Set<string>> {
  const linked = records.filter((record) => record !== null && mergeFromOf(record).length > 0) as LogRecord[]
  const open = new Set<string>()
  for (const [workspace, own] of Map.groupBy(linked, (record) => record.workspace)) {
    const ids = [...new Set(own.flatMap(mergeFromOf))]
    const rows = await tx
      .workspace(workspace)
      .selectByKeys('customers', 'customer_id', ids)
      .select(['customers.customer_id', 'customers.merged_into'])
      .execute()
    const merged = new Set(rows.filter((row) => row.merged_into !== null).map((row) => row.customer_id))
    for (const id of ids) if (!merged.has(id)) open.add(customerKey(workspace, id))
  }
  return open
}

function mergeFromOf(record: LogRecord | null): string[] {
  return (record as CustomerEvent | null)?.payload?.mergeFrom ?? []
}

function customerKey(workspace: string, customerId: string): string {
  return `${workspace}\u0000${customerId}`
}

async function openBatches(
  parts: BatchParts,
  tx: StoreTransaction,
  records: (LogRecord | null)[],
  now: number,
): Promise<Map<string, WorkspaceBatch>> {
  const present = records.filter((record) => record !== null)
  const batches = new Map<string, WorkspaceBatch>()
  for (const [workspace, own] of Map.groupBy(present, (record) => record.workspace)) {
    const context = await parts.contexts.load(tx, workspace)
    // A record of a workspace that was deleted: nobody is left to tell.
    if (context === null) continue
    batches.set(
      workspace,
      await openWorkspaceBatch(tx.workspace(workspace), context, needsOf(own, context), now, parts.capCache),
    )
  }
  return batches
}

function needsOf(records: LogRecord[], context: WorkspaceContext): BatchNeeds {
  const eventIds: string[] = []
  const decisionIds: string[] = []
  const rankIds: string[] = []
  const devices: PushEndpoint[] = []
  const accountIds = new Set<string>()
  const customerIds = new Set<string>()
  const engaged = new Set<string>()
  const properties: JsonObject[] = []
  let earliestOccurredAt = Number.MAX_SAFE_INTEGER
  for (const record of records) {
    if (record.kind === 'rejected') continue
    if (record.kind === 'decision') decisionIds.push(record.eventId)
    else eventIds.push(record.eventId)
    if (record.kind === 'outcome') rankIds.push((record.payload as OutcomePayload).decisionId)
    const device = isProductEvent(record) ? deviceTokenOf(record) : null
    if (device !== null) devices.push(device)
    const accountId = isProductEvent(record) ? accountIdOf(record) : null
    if (accountId !== null) accountIds.add(accountId)
    customerIds.add(record.customerId)
    earliestOccurredAt = Math.min(earliestOccurredAt, record.occurredAt)
    if (context.itemNeeds !== null && isProductEvent(record) && record.payload.properties !== undefined)
      properties.push(record.payload.properties)
    if (mayEngage(record, context)) engaged.add(record.customerId)
  }
  return {
    eventIds,
    decisionIds,
    rankIds,
    devices,
    accountIds: [...accountIds],
    customerIds: [...customerIds],
    engagedCustomerIds: [...engaged],
    properties,
    earliestOccurredAt,
  }
}

function isProductEvent(record: LogRecord): record is CustomerEvent {
  const { kind } = record
  return (
    kind !== 'click' && kind !== 'open' && kind !== 'decision' && kind !== 'outcome' && kind !== 'rejected'
  )
}

/** Whether a record may decide or convert: only then are the customer's messages and assignments read. */
function mayEngage(record: LogRecord, context: WorkspaceContext): boolean {
  if (record.kind === 'delivery') return false
  if (record.kind === 'click') return context.hasCadences || context.byGoalEvent.has(clicked)
  if (record.kind === 'open') return context.hasCadences
  if (record.kind === 'decision' || record.kind === 'outcome') return true
  if (context.bySegmentEntered.size > 0) return true
  const name = eventName(record as CustomerEvent)
  return (
    context.byTriggerEvent.has(name) ||
    context.byGoalEvent.has(name) ||
    context.journeyEvents.has(name) ||
    context.byAbsenceAfter.has(name) ||
    context.byAbsenceAwaited.has(name)
  )
}

/** What triggers and goals call an event: its name, or its kind where it has none. */
export function eventName(event: CustomerEvent): string {
  return event.kind === 'track' ? (event.payload.name ?? '') : event.kind
}

import type { Journey } from '#contracts/journey.ts'
import type { Store, StoreTransaction } from '#platform/store/store.ts'
import { endJourney } from '../../campaign/advance.ts'
import {
  dueJourneys,
  loadJourneysById,
  saveJourneys,
  unsettledCustomers,
} from '../../campaign/journey-rows.ts'
import { noticesOf } from '../notices.ts'
import type { BatchParts } from '../process-batch.ts'
import { noteRound } from '../timer-round-rows.ts'
import { openWorkspaceBatch, type WorkspaceBatch, writeWorkspaceBatch } from '../workspace-batch.ts'
import type { WorkspaceContext } from '../workspace-context.ts'
import { goOn } from './go-on.ts'
import { insideJourneys, noteJourney } from './journeys-of.ts'

/** Few enough to stay near the 5 ms that a batch may take while others wait. */
const journeysPerTransaction = 50

/**
 * Journeys whose wait is over go on, and those inside a campaign that has changed get its rule. Reading, deciding
 * and moving on are one transaction: a crash does it again and never twice in effect.
 */
export async function fireJourneys(parts: BatchParts, store: Store, workspace: string): Promise<number> {
  const now = parts.clock.now()
  const context = await parts.contexts.load(store.read, workspace)
  if (context === null) return 0
  const changed = await openChange(store, context, now)
  if (changed === null && (await dueJourneys(store.read.workspace(workspace), now, 1)).length === 0) return 0
  return store.transaction(async (tx) => {
    const own = await parts.contexts.load(tx, workspace)
    if (own === null || !(await tx.workspace(workspace).tryLock('timers'))) return 0
    // Who is to leave or to move goes first: nobody takes a step that is no more.
    return (await settleChanged(parts, tx, own, now)) || goOnDue(parts, tx, own, now)
  })
}

/** Journeys that are due go on. */
async function goOnDue(
  parts: BatchParts,
  tx: StoreTransaction,
  context: WorkspaceContext,
  now: number,
): Promise<number> {
  const db = tx.workspace(context.settings.workspace)
  const due = await dueJourneys(db, now, journeysPerTransaction)
  if (due.length > 0) await goOnThese(parts, tx, context, due, now)
  return due.length
}

/** The part of it after the look for who is due. */
export async function goOnThese(
  parts: BatchParts,
  tx: StoreTransaction,
  context: WorkspaceContext,
  due: readonly Pick<Journey, 'journeyId' | 'customerId'>[],
  now: number,
): Promise<void> {
  const rows = await openFor(parts, tx, context, due, now)
  const isDue = new Set(due.map(({ journeyId }) => journeyId))
  for (const customerId of new Set(due.map((own) => own.customerId))) {
    const customer = rows.customers.get(customerId)
    if (customer === undefined || customer.mergedInto !== null) continue
    for (const followed of insideJourneys(rows, customerId, now)) {
      const { journey, campaign } = followed
      if (!isDue.has(journey.journeyId)) continue
      isDue.delete(journey.journeyId)
      const running = context.campaigns.get(journey.campaignId)
      if (running?.live === true && campaign.cadence !== null) {
        goOn(parts.decision, rows, followed, { customer, now, receivedAt: now })
      } else {
        // Held until the campaign is launched again.
        journey.dueAt = null
        noteJourney(rows, journey)
      }
    }
  }
  await endLost(rows, [...isDue], now)
  await writeWorkspaceBatch(rows, now)
  const subjects = due.map(({ journeyId }) => journeyId)
  await noteRound(rows.db, { kind: 'journeys', firedAt: now, subjects })
  await parts.publish?.(noticesOf(rows))
}

/** Due and nobody's: the customer or the version is no more. They must not be due for ever. */
async function endLost(rows: WorkspaceBatch, journeyIds: string[], now: number): Promise<void> {
  const lost = await loadJourneysById(rows.db, journeyIds)
  for (const journey of lost.values()) {
    if (journey.dueAt === null || journey.dueAt > now) continue
    const settled = [...rows.written.journeys].some(({ journeyId }) => journeyId === journey.journeyId)
    if (settled) continue
    endJourney(journey, 'left', 'customer_gone', now)
    await saveJourneys(rows.db, [journey])
  }
}

/** When the context was last found without a change to apply: a batch under way may still bring some. */
const settledAt = new WeakMap<WorkspaceContext, number>()
const lookAgainMs = 60_000

/** A launched campaign with somebody inside to whom its running version has not been applied. */
async function openChange(
  { read }: Pick<Store, 'read'>,
  context: WorkspaceContext,
  now: number,
): Promise<string | null> {
  const last = settledAt.get(context)
  if (last !== undefined && now - last < lookAgainMs) return null
  const db = read.workspace(context.settings.workspace)
  for (const { version } of context.campaigns.values()) {
    if (version.state === 'paused') continue
    const [first] = await unsettledCustomers(db, version.campaignId, version.version, 1)
    if (first !== undefined) return version.campaignId
  }
  settledAt.set(context, now)
  return null
}

/** One page of those inside a campaign that has changed. Returns how many. */
export async function settleChanged(
  parts: BatchParts,
  tx: StoreTransaction,
  context: WorkspaceContext,
  now: number,
): Promise<number> {
  const campaignId = await openChange({ read: tx }, context, now)
  const running = campaignId === null ? undefined : context.campaigns.get(campaignId)
  if (running === undefined) return 0
  const db = tx.workspace(context.settings.workspace)
  const { version } = running.version
  const ids = await unsettledCustomers(db, running.version.campaignId, version, journeysPerTransaction)
  await settleThese(parts, tx, context, ids, now)
  return ids.length
}

/** The running version's rule for these customers' journeys. */
export async function settleThese(
  parts: BatchParts,
  tx: StoreTransaction,
  context: WorkspaceContext,
  ids: readonly string[],
  now: number,
): Promise<void> {
  const rows = await openFor(
    parts,
    tx,
    context,
    ids.map((customerId) => ({ customerId })),
    now,
  )
  // Looking at them is what applies the rule.
  for (const customerId of ids) insideJourneys(rows, customerId, now)
  await writeWorkspaceBatch(rows, now)
  await noteRound(rows.db, { kind: 'settled', firedAt: now, subjects: ids })
}

async function openFor(
  parts: BatchParts,
  tx: StoreTransaction,
  context: WorkspaceContext,
  journeys: readonly { customerId: string }[],
  now: number,
): Promise<WorkspaceBatch> {
  const ids = [...new Set(journeys.map(({ customerId }) => customerId))]
  const needs = { eventIds: [], customerIds: ids, engagedCustomerIds: ids, earliestOccurredAt: now }
  const withJourneys = context.hasCadences ? context : { ...context, hasCadences: true }
  return openWorkspaceBatch(
    tx.workspace(context.settings.workspace),
    withJourneys,
    needs,
    now,
    parts.capCache,
  )
}

import type { Customer } from '#contracts/profile.ts'
import {
  type BroadcastTurn,
  deleteTurns,
  dueTurns,
  hasTurns,
  saveTurns,
} from '../../campaign/broadcast-turns.ts'
import { loadCustomers } from '../../profile/customer-rows.ts'
import { customerZone } from '../../profile/zone-of-place.ts'
import type { BatchParts } from '../process-batch.ts'
import { occurrenceAt } from '../schedule-timers.ts'
import { isInAudience, openBroadcastBatch } from './decide-broadcast.ts'
import type { BroadcastPage, PageResult } from './feed-broadcasts.ts'

/**
 * Customers whose local time has come, by their clocks of this moment: who has travelled west since waits on,
 * who has left the audience gets nothing.
 */
export async function takeTurns(parts: BatchParts, page: BroadcastPage): Promise<PageResult> {
  const { tx, run, now, size, takes } = page
  const db = tx.workspace(run.workspace)
  const turns = await dueTurns(db, run, now, Math.min(size, takes))
  if (turns.length === 0) return { run: await endedIfEmpty(page), rows: 0 }
  const ids = turns.map((turn) => turn.customer_id)
  await db.lockCustomers(ids)
  const customers = await loadCustomers(db, ids)
  const sorted = turns.map((turn) => sortTurn(page, turn, customers.get(turn.customer_id)))
  const members = sorted.flatMap((own) => (own.kind === 'comes' ? [own.customer] : []))
  const batch = await openBroadcastBatch(parts, page, members)
  const over: string[] = []
  const later: BroadcastTurn[] = []
  let taken = 0
  for (const own of sorted) {
    if (own.kind === 'later') later.push(own.turn)
    else over.push(own.turn.customer_id)
    if (own.kind !== 'comes') continue
    const properties = { run: String(run.run), occurrence: own.turn.occurrence }
    if (batch.decide(own.customer, properties)) taken += 1
    if (page.isOver()) break
  }
  await deleteTurns(db, run.campaign_id, over)
  await saveTurns(
    db,
    later.map(({ workspace: _own, ...turn }) => turn),
  )
  const next = { ...(await batch.write()), pace_taken: run.pace_taken + taken }
  return { run: await endedIfEmpty({ ...page, run: next }), rows: over.length + later.length }
}

type SortedTurn =
  | { kind: 'comes'; turn: BroadcastTurn; customer: Customer }
  | { kind: 'later' | 'gone'; turn: BroadcastTurn }

function sortTurn(
  { context, campaign, now }: BroadcastPage,
  turn: BroadcastTurn,
  customer: Customer | undefined,
): SortedTurn {
  if (customer === undefined || customer.mergedInto !== null) return { kind: 'gone', turn }
  const dueAt = occurrenceAt(turn.occurrence, customerZone(customer.profile, context.settings.zone))
  if (dueAt > now) return { kind: 'later', turn: { ...turn, due_at: dueAt } }
  return isInAudience(context, campaign, customer, now)
    ? { kind: 'comes', turn, customer }
    : { kind: 'gone', turn }
}

async function endedIfEmpty({ tx, run, now }: BroadcastPage): Promise<BroadcastPage['run']> {
  const isEmpty = !(await hasTurns(tx.workspace(run.workspace), run))
  return isEmpty ? { ...run, state: 'done', ended_at: now } : run
}

import type { Customer } from '#contracts/profile.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { saveTurns } from '../../campaign/broadcast-turns.ts'
import { nextOccurrence } from '../../campaign/schedule.ts'
import { customerOf } from '../../profile/customer-rows.ts'
import { customerZone } from '../../profile/zone-of-place.ts'
import type { BatchParts } from '../process-batch.ts'
import { occurrenceAt } from '../schedule-timers.ts'
import { isInAudience, openBroadcastBatch } from './decide-broadcast.ts'
import { type BroadcastPage, broadcastOf, type PageResult } from './feed-broadcasts.ts'

/**
 * The customers after the cursor, in the order of their keys: those of the audience are decided about now, or
 * get a turn at their local time.
 */
export async function takeCustomers(parts: BatchParts, page: BroadcastPage): Promise<PageResult> {
  const { tx, context, campaign, run, now, size, takes } = page
  const db = tx.workspace(run.workspace)
  const rows = await db.recurring(db.dialect === 'postgres' ? lockedAfter : customersAfter, {
    after: run.cursor_id,
    limit: size,
  })
  const looked = upTo(takes, rows, (row) => {
    if (row.merged_into !== null) return null
    const customer = customerOf(row)
    return isInAudience(context, campaign, customer, now) ? customer : null
  })
  const members = looked.flatMap(({ member }) => member ?? [])
  const done = run.state === 'planning' ? await plan(page, members) : await decide(parts, page, looked)
  const count = run.state === 'planning' ? looked.length : done.looked
  const isLast = rows.length < size && count === rows.length
  const next = {
    ...done.run,
    cursor_id: rows[count - 1]?.customer_id ?? run.cursor_id,
    looked: run.looked + count,
    audience: run.audience + done.taken,
    pace_taken: run.pace_taken + (run.state === 'planning' ? 0 : done.taken),
  }
  return { run: isLast ? { ...next, ...ending(next, now) } : next, rows: count + (isLast ? 1 : 0) }
}

function ending(run: RowOf<'broadcasts'>, now: number) {
  if (run.state === 'planning' && run.audience > 0) return { state: 'waiting' as const }
  return { state: 'done' as const, ended_at: now }
}

interface Looked {
  /** Null: not in the audience, or merged away. */
  member: Customer | null
}

/** The first rows, as far as no more than `takes` of them are in the audience. */
function upTo(
  takes: number,
  rows: readonly RowOf<'customers'>[],
  memberOf: (row: RowOf<'customers'>) => Customer | null,
): Looked[] {
  const looked: Looked[] = []
  let members = 0
  for (const row of rows) {
    const member = memberOf(row)
    if (member !== null) members += 1
    if (members > takes) break
    looked.push({ member })
  }
  return looked
}

interface Done {
  run: RowOf<'broadcasts'>
  looked: number
  /** Of the audience. */
  taken: number
}

async function decide(parts: BatchParts, page: BroadcastPage, looked: Looked[]): Promise<Done> {
  const members = looked.flatMap(({ member }) => member ?? [])
  if (members.length === 0) return { run: page.run, looked: looked.length, taken: 0 }
  const batch = await openBroadcastBatch(parts, page, members)
  const properties = { run: String(page.run.run) }
  let done = 0
  let taken = 0
  for (const { member } of looked) {
    done += 1
    if (member === null) continue
    if (batch.decide(member, properties)) taken += 1
    if (page.isOver()) break
  }
  return { run: await batch.write(), looked: done, taken }
}

/** Everybody's turn: the local time on the day that was named, else the next time that it comes round. */
async function plan({ tx, context, campaign, run }: BroadcastPage, members: Customer[]): Promise<Done> {
  const local = broadcastOf(campaign)?.atLocal
  if (local === undefined) throw new Error(`${run.campaign_id} has no local time to wait for`)
  const turns = members.map(({ customerId, profile }) => {
    const zone = customerZone(profile, context.settings.zone)
    const occurrence =
      local.on === undefined
        ? nextOccurrence({ on: daily, at: local.at, clock: 'customer' }, zone, run.starts_at - 1)!.id
        : `${local.on}T${local.at}`
    return {
      campaign_id: run.campaign_id,
      customer_id: customerId,
      run: run.run,
      occurrence,
      due_at: occurrenceAt(occurrence, zone),
    }
  })
  await saveTurns(tx.workspace(run.workspace), turns)
  return { run, looked: members.length, taken: members.length }
}

const daily = { everyDays: 1, from: '1970-01-01' }

type After = RecurringQuery<{ after: string; limit: number }, RowOf<'customers'>>

const customersAfter: After = {
  like: { after: 'text', limit: 'number' },
  build: (db, values) => afterCursor(db, values),
}

/** Nobody merges one of them away while they are decided about. */
const lockedAfter: After = {
  like: { after: 'text', limit: 'number' },
  build: (db, values) => afterCursor(db, values).forUpdate(),
}

function afterCursor(db: WorkspaceDb, { after, limit }: { after: string; limit: number }) {
  return db
    .selectFrom('customers')
    .selectAll('customers')
    .where('customers.customer_id', '>', after)
    .orderBy('customers.customer_id')
    .limit(limit)
}

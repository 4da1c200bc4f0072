import type { EngagementPayload, LogRecord } from '#contracts/event.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { applyEngagementRecord } from './apply-engagement.ts'
import { allLinksAtOnce, allLinksMs } from './machine-sign.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'

export type HeldClick = LogRecord<EngagementPayload>

/** A little longer than what makes two clicks one walk over the links. */
const holdMs = allLinksMs + 500

/** A click that may be the reader's waits until the others of its message, if any, have come too. */
export function holdClick(rows: WorkspaceBatch, record: HeldClick, now: number): void {
  const dueAt = now + holdMs
  rows.written.held.push({ record, dueAt })
  rows.written.timers.push({ customerId: record.customerId, kind: 'clicks', subject: '', dueAt })
}

export async function insertHeldClicks(
  db: WorkspaceDb,
  held: readonly { record: HeldClick; dueAt: number }[],
): Promise<void> {
  const rows = held.map(({ record, dueAt }) => ({
    customer_id: record.customerId,
    event_id: record.eventId,
    held_until: dueAt,
    record_json: JSON.stringify(record),
  }))
  if (rows.length > 0) await db.bulkInsert('held_clicks', rows, 'ignore')
}

/** A merge: clicks of one customer that wait become the other's. */
export async function moveHeldClicks(
  db: WorkspaceDb,
  fromId: string,
  intoId: string,
): Promise<number | null> {
  const rows = await heldOf(db, [fromId])
  if (rows.length === 0) return null
  await db.bulkInsert(
    'held_clicks',
    rows.map(({ event_id, held_until, record }) => ({
      customer_id: intoId,
      event_id,
      held_until,
      record_json: JSON.stringify({ ...record, customerId: intoId }),
    })),
    'ignore',
  )
  await db.deleteFrom('held_clicks').where('held_clicks.customer_id', '=', fromId).execute()
  return Math.min(...rows.map((row) => row.held_until))
}

/** Clicks of these customers that wait, to be judged by `releaseClicks`. */
export async function heldOf(db: WorkspaceDb, customerIds: readonly string[]) {
  if (customerIds.length === 0) return []
  const rows = await db
    .selectByKeys('held_clicks', 'customer_id', customerIds)
    .selectAll('held_clicks')
    .orderBy('held_clicks.event_id')
    .execute()
  return rows.map((row) => ({ ...row, record: JSON.parse(row.record_json) as HeldClick }))
}

type Held = Awaited<ReturnType<typeof heldOf>>[number]

/**
 * Judges a customer's clicks whose time has come, each message's together: those that follow several of its
 * links at once are a scanner's, the others the reader's. A message that still gets clicks waits on. Returns
 * those that are done.
 */
export function releaseClicks(rows: WorkspaceBatch, held: readonly Held[], now: number): Held[] {
  const done: Held[] = []
  for (const own of Map.groupBy(held, ({ record }) => record.payload.messageId).values()) {
    const dueAt = Math.max(...own.map((click) => click.held_until))
    if (dueAt > now) {
      const [{ customer_id: customerId }] = own as [Held]
      rows.written.timers.push({ customerId, kind: 'clicks', subject: '', dueAt })
      continue
    }
    const clicks = own.map((click) => ({
      click,
      url: click.record.payload.url ?? '',
      at: click.record.receivedAt,
    }))
    const walked = allLinksAtOnce(clicks)
    for (const one of clicks) {
      const { record } = one.click
      const { held: _held, ...payload } = record.payload
      const judged: EngagementPayload = walked.has(one)
        ? { ...payload, suspectedScanner: true, machine: 'all-links' }
        : payload
      applyEngagementRecord(rows, { ...record, payload: judged }, now)
      done.push(one.click)
    }
  }
  return done
}

export async function deleteHeldClicks(db: WorkspaceDb, done: readonly Held[]): Promise<void> {
  for (const [customerId, own] of Map.groupBy(done, (click) => click.customer_id)) {
    const ids = own.map((click) => click.event_id)
    await db
      .deleteFrom('held_clicks')
      .where('held_clicks.customer_id', '=', customerId)
      .where('held_clicks.event_id', 'in', ids)
      .execute()
  }
}

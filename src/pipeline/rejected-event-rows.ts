import type { LogRecord, RejectedPayload } from '#contracts/event.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** Events that ingest refused, kept with their reason until an operator has looked at them. */
export async function insertRejected(
  db: WorkspaceDb,
  rows: WorkspaceRowOf<'rejected_events'>[],
): Promise<void> {
  await db.bulkInsert('rejected_events', rows, 'ignore')
}

export function rejectedRow(record: LogRecord): WorkspaceRowOf<'rejected_events'> {
  const { code, field, detail, body } = record.payload as RejectedPayload
  return {
    rejected_id: record.eventId,
    received_at: record.receivedAt,
    code,
    field,
    detail,
    body,
    replayed_at: null,
  }
}

/** An accepted event that the pipeline could not apply: kept whole, so that it can be replayed. */
export function setAsideRow(record: LogRecord, detail: string): WorkspaceRowOf<'rejected_events'> {
  return {
    rejected_id: record.eventId,
    received_at: record.receivedAt,
    code: 'not_applied',
    field: '',
    detail,
    body: JSON.stringify(record),
    replayed_at: null,
  }
}

/** Newest first; `before` is the `received_at` and id of the last row seen. */
export async function listRejected(
  db: WorkspaceDb,
  page: { limit: number; before?: { receivedAt: number; rejectedId: string } },
): Promise<RowOf<'rejected_events'>[]> {
  let query = db.selectFrom('rejected_events').selectAll()
  const { before } = page
  if (before !== undefined) {
    query = query.where((where) =>
      where.or([
        where('rejected_events.received_at', '<', before.receivedAt),
        where.and([
          where('rejected_events.received_at', '=', before.receivedAt),
          where('rejected_events.rejected_id', '<', before.rejectedId),
        ]),
      ]),
    )
  }
  return query
    .orderBy('rejected_events.received_at', 'desc')
    .orderBy('rejected_events.rejected_id', 'desc')
    .limit(page.limit)
    .execute()
}

export async function loadRejected(
  db: WorkspaceDb,
  rejectedId: string,
): Promise<RowOf<'rejected_events'> | null> {
  const row = await db
    .selectFrom('rejected_events')
    .selectAll()
    .where('rejected_events.rejected_id', '=', rejectedId)
    .executeTakeFirst()
  return row ?? null
}

export async function markReplayed(db: WorkspaceDb, rejectedId: string, now: number): Promise<void> {
  await db
    .updateTable('rejected_events')
    .set({ replayed_at: now })
    .where('rejected_events.rejected_id', '=', rejectedId)
    .execute()
}

import type { InstantMs } from '#contracts/clock.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

export type DeliveryRow = RowOf<'webhook_deliveries'>

/** Deliveries that have ended are kept so long: they can be looked at and sent again. */
export const deliveriesKeptMs = 30 * 86_400_000

/** Due by the wall clock, oldest first; PostgreSQL leaves out those that another claim holds. */
async function selectDueDeliveries(
  db: WorkspaceDb,
  webhookId: string,
  wallNow: InstantMs,
  limit: number,
): Promise<DeliveryRow[]> {
  const due = db
    .selectFrom('webhook_deliveries')
    .selectAll('webhook_deliveries')
    .where('webhook_deliveries.webhook_id', '=', webhookId)
    .where('webhook_deliveries.state', '=', 'waiting')
    .where('webhook_deliveries.due_at', '<=', wallNow)
    .orderBy('webhook_deliveries.due_at')
    .orderBy('webhook_deliveries.created_at')
    .limit(limit)
  return (db.dialect === 'postgres' ? due.forUpdate().skipLocked() : due).execute()
}

/** Takes due deliveries until `leaseUntil`: nobody else does before, and whoever comes then sends them again. */
export async function claimDeliveries(
  db: WorkspaceDb,
  webhookId: string,
  { wallNow, leaseUntil, limit }: { wallNow: InstantMs; leaseUntil: InstantMs; limit: number },
): Promise<DeliveryRow[]> {
  const due = await selectDueDeliveries(db, webhookId, wallNow, limit)
  const claimed = due.map((row) => ({ ...row, attempts: row.attempts + 1, due_at: leaseUntil }))
  await saveDeliveries(db, claimed)
  return claimed
}

/** The delivery as this claim took it; null when another has it by now or it is gone. */
export async function ownDelivery(db: WorkspaceDb, claimed: DeliveryRow): Promise<DeliveryRow | null> {
  const query = db
    .selectFrom('webhook_deliveries')
    .selectAll('webhook_deliveries')
    .where('webhook_deliveries.webhook_id', '=', claimed.webhook_id)
    .where('webhook_deliveries.delivery_id', '=', claimed.delivery_id)
    .where('webhook_deliveries.attempts', '=', claimed.attempts)
    .where('webhook_deliveries.state', '=', 'waiting')
  return (await (db.dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst()) ?? null
}

export async function saveDeliveries(db: WorkspaceDb, rows: readonly DeliveryRow[]): Promise<void> {
  if (rows.length === 0) return
  await db.bulkInsert(
    'webhook_deliveries',
    rows.map(({ workspace: _, ...row }) => row),
    {
      key: ['workspace', 'webhook_id', 'delivery_id'],
      update: ['state', 'attempts', 'due_at', 'status', 'reason', 'ended_at'],
    },
  )
}

/** Newest first. */
export async function listDeliveries(
  db: WorkspaceDb,
  webhookId: string,
  {
    state,
    before,
    limit,
  }: { state?: DeliveryRow['state']; before?: { at: number; id: string }; limit: number },
): Promise<DeliveryRow[]> {
  let query = db
    .selectFrom('webhook_deliveries')
    .selectAll('webhook_deliveries')
    .where('webhook_deliveries.webhook_id', '=', webhookId)
  if (state !== undefined) query = query.where('webhook_deliveries.state', '=', state)
  if (before !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('webhook_deliveries.created_at', '<', before.at),
        eb.and([
          eb('webhook_deliveries.created_at', '=', before.at),
          eb('webhook_deliveries.delivery_id', '<', before.id),
        ]),
      ]),
    )
  }
  return query
    .orderBy('webhook_deliveries.created_at', 'desc')
    .orderBy('webhook_deliveries.delivery_id', 'desc')
    .limit(limit)
    .execute()
}

/** Sends one again from the beginning, whatever became of it. Resolves to whether there is such a one. */
export async function replayDelivery(
  db: WorkspaceDb,
  webhookId: string,
  deliveryId: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('webhook_deliveries')
    .set({ state: 'waiting', attempts: 0, due_at: 0, ended_at: null })
    .where('webhook_deliveries.webhook_id', '=', webhookId)
    .where('webhook_deliveries.delivery_id', '=', deliveryId)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Sends again all that failed. Resolves to how many. */
export async function replayFailed(db: WorkspaceDb, webhookId: string): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('webhook_deliveries')
    .set({ state: 'waiting', attempts: 0, due_at: 0, ended_at: null })
    .where('webhook_deliveries.webhook_id', '=', webhookId)
    .where('webhook_deliveries.state', '=', 'failed')
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Forgets what ended before `endedBefore`, at most `limit` of a webhook. Resolves to how many. */
export async function forgetDeliveries(
  db: WorkspaceDb,
  endedBefore: InstantMs,
  limit: number,
): Promise<number> {
  const old = await db
    .selectFrom('webhook_deliveries')
    .select(['webhook_deliveries.webhook_id', 'webhook_deliveries.delivery_id'])
    .where('webhook_deliveries.ended_at', '<', endedBefore)
    .limit(limit)
    .execute()
  for (const [webhookId, rows] of Map.groupBy(old, (row) => row.webhook_id)) {
    const ids = rows.map((row) => row.delivery_id)
    await db
      .deleteFrom('webhook_deliveries')
      .where('webhook_deliveries.webhook_id', '=', webhookId)
      .where('webhook_deliveries.delivery_id', 'in', ids)
      .execute()
  }
  return old.length
}

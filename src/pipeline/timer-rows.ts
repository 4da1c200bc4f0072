import { stableId } from '#platform/ids/ids.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

export interface TimerSetting {
  customerId: string
  kind: 'segments'
  /** Null takes the timer away. */
  dueAt: number | null
}

/** Sets, moves or removes one timer per customer and kind. */
export async function setTimers(db: WorkspaceDb, settings: TimerSetting[]): Promise<void> {
  const latest = new Map(settings.map((setting) => [timerId(setting), setting]))
  const set = [...latest].flatMap(([timer_id, { customerId, kind, dueAt }]) =>
    dueAt === null
      ? []
      : [{ timer_id, customer_id: customerId, kind, due_at: dueAt, lease_owner: '', lease_until: 0 }],
  )
  const removed = [...latest].filter(([, { dueAt }]) => dueAt === null).map(([id]) => id)
  if (set.length > 0) {
    await db.bulkInsert('timers', set, {
      key: ['workspace', 'timer_id'],
      update: ['due_at', 'lease_owner', 'lease_until'],
    })
  }
  if (removed.length > 0) await db.deleteFrom('timers').where('timers.timer_id', 'in', removed).execute()
}

/** Timers due by the injected clock, oldest first. */
export async function dueTimers(db: WorkspaceDb, now: number, limit: number): Promise<RowOf<'timers'>[]> {
  return db
    .selectFrom('timers')
    .selectAll()
    .where('timers.due_at', '<=', now)
    .orderBy('timers.due_at')
    .orderBy('timers.timer_id')
    .limit(limit)
    .execute()
}

function timerId({ customerId, kind }: TimerSetting): string {
  return stableId(kind, customerId)
}

import type { JsonObject } from '#contracts/json.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

/** One timer per customer, kind and subject. */
export interface TimerKey {
  customerId: string
  kind: 'segments' | 'absence' | 'schedule' | 'clicks' | 'account'
  /** The campaign of an absence or a schedule, the account whose traits changed, '' otherwise. */
  subject: string
}

export interface TimerSetting extends TimerKey {
  /** Null takes the timer away. */
  dueAt: number | null
  payload?: TimerPayload
}

/** Of an absence: the event after which it runs. Of a schedule: the occurrence. */
export type TimerPayload =
  | { eventId: string; at: number; event: { name: string; properties: JsonObject } }
  | { occurrence: string }
  | Record<string, never>

/** Sets, moves or removes timers; of several settings of one the last holds. */
export async function setTimers(db: WorkspaceDb, settings: TimerSetting[]): Promise<void> {
  const latest = new Map(settings.map((setting) => [timerId(setting), setting]))
  const set = [...latest].flatMap(([timer_id, { customerId, kind, subject, dueAt, payload = {} }]) => {
    if (dueAt === null) return []
    const lease = { lease_owner: '', lease_until: 0 }
    const payload_json = JSON.stringify(payload)
    return [{ timer_id, customer_id: customerId, kind, subject, payload_json, due_at: dueAt, ...lease }]
  })
  const removed = [...latest].filter(([, { dueAt }]) => dueAt === null).map(([id]) => id)
  if (set.length > 0) {
    await db.bulkInsert('timers', set, {
      key: ['workspace', 'timer_id'],
      update: ['due_at', 'payload_json', 'lease_owner', 'lease_until'],
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

/** The customers' timers of absences, by timer id. */
export async function loadAbsences(
  db: WorkspaceDb,
  customerIds: readonly string[],
): Promise<Map<string, TimerPayload>> {
  if (customerIds.length === 0) return new Map()
  const rows = await db.recurring(absencesOf, { customerIds })
  return new Map(rows.map((row) => [row.timer_id, JSON.parse(row.payload_json) as TimerPayload]))
}

const absencesOf: RecurringQuery<
  { customerIds: readonly string[] },
  Pick<RowOf<'timers'>, 'timer_id' | 'payload_json'>
> = {
  like: { customerIds: 'keys' },
  build: (db, { customerIds }) =>
    db
      .selectByKeys('timers', 'customer_id', customerIds)
      .where('timers.kind', '=', 'absence')
      .select(['timers.timer_id', 'timers.payload_json']),
}

/**
 * Customer merge: absences that run for one run for the other, of two for the same campaign the one that began
 * last. Segments and schedules have timers of their own there.
 */
export async function mergeTimers(db: WorkspaceDb, fromId: string, intoId: string): Promise<void> {
  const rows = await db.selectByKeys('timers', 'customer_id', [fromId, intoId]).selectAll('timers').execute()
  const absences = rows.filter(({ kind }) => kind === 'absence').toSorted((a, b) => a.due_at - b.due_at)
  const moving = rows.filter(({ customer_id }) => customer_id === fromId)
  if (moving.length === 0) return
  await setTimers(
    db,
    absences.map(({ subject, due_at, payload_json }) => ({
      customerId: intoId,
      kind: 'absence' as const,
      subject,
      dueAt: due_at,
      payload: JSON.parse(payload_json) as TimerPayload,
    })),
  )
  await db.deleteFrom('timers').where('timers.customer_id', '=', fromId).execute()
}

export function timerId({ customerId, kind, subject }: TimerKey): string {
  return subject === '' ? stableId(kind, customerId) : stableId(kind, customerId, subject)
}

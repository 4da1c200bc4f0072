import { sql } from 'kysely'
import type { InstantMs } from '#contracts/clock.ts'
import type { MessageState } from '#contracts/message.ts'
import { keysList } from '#platform/store/keys-list.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { freeCode } from './coupon-rows.ts'

type MessageRow = RowOf<'messages'>

/** What was sent, or may have been, keeps its code for good: somebody may have read it. */
const keeps: readonly MessageState[] = ['sent', 'unknown']
/** What nobody was sent gives it back; one that was `unknown` has kept it already. */
const givesBack: readonly MessageState[] = ['failed', 'lapsed']

/** What a change of messages makes of the codes that they hold: in the same transaction. */
export async function settleCodes(
  db: WorkspaceDb,
  messages: readonly MessageRow[],
  now: InstantMs,
): Promise<void> {
  const holders = messages.filter(({ coupon_code }) => coupon_code !== '')
  const inState = (states: readonly MessageState[]) =>
    holders.filter(({ state }) => states.includes(state)).map((row) => row.message_id)
  const kept = inState(keeps)
  const back = inState(givesBack)
  if (kept.length > 0) await reservedOf(db, kept).set({ state: 'given', given_at: now }).execute()
  if (back.length > 0) await reservedOf(db, back).set(freeCode).execute()
}

/**
 * Reservations that ran out and whose message never began to send go back to their pools. One that has begun keeps
 * its code until it is known what became of it. Resolves to their number, `limit` at most.
 */
export async function giveBackExpired(db: WorkspaceDb, now: InstantMs, limit: number): Promise<number> {
  const rows = await db
    .selectFrom('coupon_codes')
    .select('coupon_codes.holder')
    .where('coupon_codes.state', '=', sql.lit<'reserved'>('reserved'))
    .where('coupon_codes.reserved_until', '<=', now)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('messages')
            .select('messages.message_id')
            .whereRef('messages.workspace', '=', 'coupon_codes.workspace')
            .whereRef('messages.message_id', '=', 'coupon_codes.holder')
            .where('messages.attempts', '>', 0),
        ),
      ),
    )
    .orderBy('coupon_codes.reserved_until')
    .limit(limit)
    .execute()
  if (rows.length === 0) return 0
  const result = await reservedOf(
    db,
    rows.map(({ holder }) => holder),
  )
    // Who has asked again meanwhile holds it longer.
    .where('coupon_codes.reserved_until', '<=', now)
    .set(freeCode)
    .executeTakeFirst()
  return Number(result.numUpdatedRows)
}

function reservedOf(db: WorkspaceDb, holders: readonly string[]) {
  return db
    .updateTable('coupon_codes')
    .where('coupon_codes.holder', 'in', keysList(db.dialect, holders))
    .where('coupon_codes.holder', '<>', sql.lit<''>(''))
    .where('coupon_codes.state', '=', 'reserved')
}

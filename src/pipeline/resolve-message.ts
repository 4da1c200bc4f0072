import type { ApiFault } from '#contracts/errors.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { lockMessageRows, type MessageRow, saveMessages } from '../action/message-rows.ts'
import { attribute } from '../learning/attribution.ts'
import { loadExposures, updateExposureStates } from '../learning/exposure-rows.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'
import { openExposures } from './open-exposures.ts'

/**
 * A person says what became of a message that nobody knew about: sent (it stands, and its window opens from
 * the moment it went out) or failed (it gives its slot back). It is never sent again.
 */
export async function resolveMessage(
  { store, clock }: ChangeParts,
  change: Change & { messageId: string; state: 'sent' | 'failed'; reason: string },
): Promise<{ kind: 'resolved'; message: MessageRow } | { kind: 'refused'; fault: ApiFault }> {
  return store.transaction(async (tx) => {
    const { messageId, state, reason } = change
    const now = clock.now()
    const db = tx.workspace(change.workspace)
    const row = (await lockMessageRows(db, [messageId])).get(messageId)
    if (row === undefined) {
      return { kind: 'refused', fault: { code: 'not_found', detail: `there is no message ${messageId}` } }
    }
    if (row.state !== 'unknown') {
      const detail = `message ${messageId} is ${row.state}: only an unknown one is resolved`
      return { kind: 'refused', fault: { code: 'conflict', detail } }
    }
    const message = await settleUnknown(db, row, { state, reason }, now)
    await audit(tx, change, now, `message.${state}`, messageId, reason)
    return { kind: 'resolved', message }
  })
}

/** What became of an unknown message is known now: by a person, or by what its provider told. */
export async function settleUnknown(
  db: WorkspaceDb,
  row: MessageRow,
  { state, reason }: { state: 'sent' | 'failed'; reason: string },
  now: number,
): Promise<MessageRow> {
  const message: MessageRow = { ...row, state, reason, state_at: now, lease_owner: '', lease_until: 0 }
  await saveMessages(db, [message], now)
  if (state === 'sent') await openLate(db, message, now)
  return message
}

/** The window opens from the send on, and takes the conversions that have come since. */
async function openLate(db: WorkspaceDb, message: MessageRow, now: number): Promise<void> {
  await openExposures(db, [message], message.sending_at ?? now)
  const exposures = await loadExposures(db, [message.customer_id])
  const own = exposures.find(
    (row) => row.decision_id === message.decision_id && row.campaign_id === message.campaign_id,
  )
  if (own === undefined) return
  for (const occurredAt of await conversionsSince(db, own)) {
    const credit = attribute(exposures, { goalId: own.goal_id, occurredAt })
    if (credit === null || credit.exposure !== own) continue
    await updateExposureStates(db, [{ ...own, state: credit.state }])
    return
  }
}

async function conversionsSince(db: WorkspaceDb, exposure: RowOf<'exposures'>): Promise<number[]> {
  const rows = await db
    .selectFrom('outcomes')
    .select('outcomes.occurred_at')
    .where('outcomes.campaign_id', '=', exposure.campaign_id)
    .where('outcomes.goal_id', '=', exposure.goal_id)
    .where('outcomes.customer_id', '=', exposure.customer_id)
    .where('outcomes.kind', '=', 'conversion')
    .where('outcomes.occurred_at', '>=', exposure.exposed_at)
    .orderBy('outcomes.occurred_at')
    .execute()
  return rows.map((row) => row.occurred_at)
}

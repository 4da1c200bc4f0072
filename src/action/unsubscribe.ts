import type { ChannelName } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { ConsentState } from '#contracts/profile.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'

export interface ConsentPort {
  setConsent(
    db: WorkspaceDb,
    consent: {
      customerId: string
      channel: ChannelName
      state: ConsentState
      source: string
      now: InstantMs
    },
  ): Promise<void>
}

export type UnsubscribeResult =
  | {
      kind: 'unsubscribed'
      customerId: string
      channel: ChannelName
      /** Sends in this channel that had begun before: they may still arrive. */
      alreadySending: string[]
    }
  | { kind: 'not-found' }

/**
 * Denies consent for the channel that the message came by. When this resolves, the denial is committed and
 * no send to this customer in this channel begins any more: it serialises with claims on the customer's row.
 */
export async function unsubscribe(
  store: Store,
  { workspace, messageId }: { workspace: string; messageId: string },
  { setConsent }: ConsentPort,
  now: InstantMs,
): Promise<UnsubscribeResult> {
  return await store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    const target = await lockedTarget(db, messageId)
    if (target === null) return { kind: 'not-found' }
    const { customerId, channel } = target
    await setConsent(db, { customerId, channel, state: 'denied', source: 'unsubscribe-link', now })
    const sending = await db
      .selectFrom('messages')
      .select('messages.message_id')
      .where('messages.customer_id', '=', customerId)
      .where('messages.channel', '=', channel)
      .where('messages.state', '=', 'sending')
      .execute()
    // Sorted here: asked to sort, SQLite walks the key of the whole workspace instead of the customer's index.
    const alreadySending = sending.map((row) => row.message_id).sort()
    return { kind: 'unsubscribed', customerId, channel, alreadySending }
  })
}

/** The message's customer, locked. A merge may move the message until the lock is held. */
async function lockedTarget(
  db: WorkspaceDb,
  messageId: string,
): Promise<{ customerId: string; channel: ChannelName } | null> {
  let locked: string | null = null
  for (;;) {
    const row = await db
      .selectFrom('messages')
      .select(['messages.customer_id', 'messages.channel'])
      .where('messages.message_id', '=', messageId)
      .executeTakeFirst()
    if (row === undefined) return null
    if (row.customer_id === locked) return { customerId: locked, channel: row.channel as ChannelName }
    locked = row.customer_id
    await db.lockCustomers([locked])
  }
}

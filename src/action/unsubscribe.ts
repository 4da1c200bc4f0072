import type { ChannelName } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { ConsentState } from '#contracts/profile.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { stillSending, type TopicOf } from './still-sending.ts'
import { messageEventsOf } from './webhooks/message-event.ts'
import { noteEvents } from './webhooks/note-events.ts'

export interface ConsentPort {
  setConsent(
    db: WorkspaceDb,
    consent: {
      customerId: string
      channel: ChannelName
      topic?: string
      state: ConsentState
      source: string
      messageId: string
      ip?: string
      userAgent?: string
      now: InstantMs
    },
  ): Promise<void>
  topicOf: TopicOf
}

export type UnsubscribeResult =
  | {
      kind: 'unsubscribed'
      customerId: string
      channel: ChannelName
      /** What was refused; absent: the whole channel, since the message was about no topic. */
      topic?: string
      /** Sends of what was refused that had begun before: they may still arrive. */
      alreadySending: string[]
    }
  | { kind: 'not-found' }

/**
 * Denies consent for the topic of the message, for its channel where it has none. When this resolves, the
 * denial is committed and no such send to this customer begins any more: it serialises with claims on the
 * customer's row.
 */
export async function unsubscribe(
  store: Store,
  {
    workspace,
    messageId,
    ...seen
  }: { workspace: string; messageId: string; ip?: string; userAgent?: string },
  { setConsent, topicOf }: ConsentPort,
  now: InstantMs,
): Promise<UnsubscribeResult> {
  return await store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    const message = await lockedMessage(db, messageId)
    if (message === null) return { kind: 'not-found' }
    const customerId = message.customer_id
    const channel = message.channel as ChannelName
    const topic = await topicOf(db, message)
    const refused = { channel, ...(topic === undefined ? {} : { topic }) }
    await setConsent(db, {
      customerId,
      ...refused,
      state: 'denied',
      source: 'unsubscribe-link',
      messageId,
      ...seen,
      now,
    })
    await noteEvents(db, messageEventsOf([{ kind: 'unsubscribe', messageId, key: 'link', at: now }]))
    const alreadySending = await stillSending(
      db,
      customerId,
      topicOf,
      (itsChannel, itsTopic) => itsChannel === channel && (topic === undefined || itsTopic === topic),
    )
    return { kind: 'unsubscribed', customerId, ...refused, alreadySending }
  })
}

/** The message, its customer locked. A merge may move the message until the lock is held. */
export async function lockedMessage(db: WorkspaceDb, messageId: string) {
  let locked: string | null = null
  for (;;) {
    const row = await db
      .selectFrom('messages')
      .select(['messages.message_id', 'messages.customer_id', 'messages.channel', 'messages.address'])
      .select(['messages.campaign_id', 'messages.campaign_version', 'messages.transactional'])
      .where('messages.message_id', '=', messageId)
      .executeTakeFirst()
    if (row === undefined) return null
    if (row.customer_id === locked) return row
    locked = row.customer_id
    await db.lockCustomers([locked])
  }
}

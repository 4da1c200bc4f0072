import type { ChannelName } from '#contracts/campaign.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

type Sending = Pick<RowOf<'messages'>, 'message_id' | 'channel' | 'campaign_id' | 'campaign_version'>

/** What a message is about: its campaign's topic, undefined without one. */
export type TopicOf = (
  db: WorkspaceDb,
  message: Pick<Sending, 'campaign_id' | 'campaign_version'>,
) => Promise<string | undefined>

/**
 * Ids of the customer's marketing messages that are `sending` and that `isRefused` now says no to. Asked in the
 * transaction of that no, these are exactly the sends for which it came too late.
 */
export async function stillSending(
  db: WorkspaceDb,
  customerId: string,
  topicOf: TopicOf,
  isRefused: (channel: ChannelName, topic: string | undefined) => boolean,
): Promise<string[]> {
  const rows: Sending[] = await db
    .selectFrom('messages')
    .select(['messages.message_id', 'messages.channel'])
    .select(['messages.campaign_id', 'messages.campaign_version'])
    .where('messages.customer_id', '=', customerId)
    .where('messages.state', '=', 'sending')
    .where('messages.transactional', '=', 0)
    .execute()
  const refused: string[] = []
  for (const row of rows) {
    if (isRefused(row.channel as ChannelName, await topicOf(db, row))) refused.push(row.message_id)
  }
  // Sorted here: asked to sort, SQLite walks the key of the whole workspace instead of the customer's index.
  return refused.sort()
}

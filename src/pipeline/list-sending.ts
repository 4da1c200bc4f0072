import type { ChannelName } from '#contracts/campaign.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { listMessages } from '../action/message-rows.ts'

/** Far above what all processes together may have in flight. */
const sendingMax = 1000

/**
 * Ids of messages that are `sending`. Asked in the transaction of a "no", these are exactly the sends which
 * that "no" came too late for.
 */
export async function listSending(
  db: WorkspaceDb,
  of: { campaignId?: string; customerId?: string; channel?: ChannelName } = {},
): Promise<string[]> {
  const { channel, ...filter } = of
  const rows = await listMessages(db, { ...filter, state: 'sending', limit: sendingMax })
  return rows
    .filter((row) => channel === undefined || row.channel === channel)
    .map((row) => row.message_id)
    .sort()
}

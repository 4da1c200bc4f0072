import { sql } from 'kysely'
import type { ChannelName } from '#contracts/campaign.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'

/** A message as what is told of it needs to know it. */
export interface MessageTarget {
  messageId: string
  customerId: string
  campaignId: string
  channel: ChannelName
  address: string
}

const columns = [
  'messages.message_id',
  'messages.customer_id',
  'messages.campaign_id',
  'messages.channel',
  'messages.address',
] as const

/** By our id. */
export async function messagesById(
  db: WorkspaceDb,
  messageIds: readonly string[],
): Promise<Map<string, MessageTarget>> {
  if (messageIds.length === 0) return new Map()
  const rows = await db.selectByKeys('messages', 'message_id', messageIds).select(columns).execute()
  return new Map(rows.map((row) => [row.message_id, targetOf(row)]))
}

/** By what the provider called them when it took them. */
export async function messagesByProviderId(
  db: WorkspaceDb,
  providerMessageIds: readonly string[],
): Promise<Map<string, MessageTarget>> {
  if (providerMessageIds.length === 0) return new Map()
  const attempts = await db
    .selectByKeys('attempts', 'provider_message_id', providerMessageIds)
    // Written out: the index holds attempts with such a name alone, and is used where the query says so.
    .where(sql<boolean>`attempts.provider_message_id <> ''`)
    .select(['attempts.message_id', 'attempts.provider_message_id'])
    .execute()
  const messages = await messagesById(
    db,
    attempts.map((row) => row.message_id),
  )
  const found = new Map<string, MessageTarget>()
  for (const { message_id, provider_message_id } of attempts) {
    const message = messages.get(message_id)
    if (message !== undefined) found.set(provider_message_id, message)
  }
  return found
}

/** Those to whom text messages went at a number, each with the newest. */
export async function messagesToNumber(db: WorkspaceDb, number: string): Promise<MessageTarget[]> {
  const rows = await db
    .selectFrom('messages')
    .where('messages.address', '=', number)
    // Written out: the index holds text messages alone, and is used where the query says so.
    .where(sql<boolean>`messages.channel = 'sms'`)
    .select([...columns, 'messages.created_at'])
    .execute()
  const newest = new Map<string, (typeof rows)[number]>()
  for (const row of rows) {
    const known = newest.get(row.customer_id)
    if (known === undefined || known.created_at < row.created_at) newest.set(row.customer_id, row)
  }
  return [...newest.values()].sort((a, b) => b.created_at - a.created_at).map(targetOf)
}

function targetOf(row: {
  message_id: string
  customer_id: string
  campaign_id: string
  channel: string
  address: string
}): MessageTarget {
  return {
    messageId: row.message_id,
    customerId: row.customer_id,
    campaignId: row.campaign_id,
    channel: row.channel as ChannelName,
    address: row.address,
  }
}

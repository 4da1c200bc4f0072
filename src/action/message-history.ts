import type { WorkspaceDb } from '#platform/store/store.ts'

/** A message and the states it went through. */
export interface MessageHistory {
  messageId: string
  customerId: string
  decisionId: string
  decisionDayUtc: number
  campaignId: string
  channel: string
  transactional: boolean
  /** In order. */
  transitions: { state: string; at: number }[]
}

/** All messages of these customers, whatever became of them. */
export async function loadMessageHistories(
  db: WorkspaceDb,
  customerIds: readonly string[],
): Promise<MessageHistory[]> {
  if (customerIds.length === 0) return []
  const rows = await db
    .selectByKeys('messages', 'customer_id', customerIds)
    .select(['messages.message_id', 'messages.customer_id', 'messages.decision_id'])
    .select([
      'messages.decision_day_utc',
      'messages.campaign_id',
      'messages.channel',
      'messages.transactional',
    ])
    .execute()
  const ids = rows.map((row) => row.message_id)
  const transitions =
    ids.length === 0
      ? []
      : await db
          .selectByKeys('message_transitions', 'message_id', ids)
          .select(['message_transitions.message_id', 'message_transitions.sequence'])
          .select(['message_transitions.state', 'message_transitions.at'])
          .execute()
  const byMessage = Map.groupBy(transitions, (row) => row.message_id)
  return rows.map((row) => ({
    messageId: row.message_id,
    customerId: row.customer_id,
    decisionId: row.decision_id,
    decisionDayUtc: row.decision_day_utc,
    campaignId: row.campaign_id,
    channel: row.channel,
    transactional: row.transactional === 1,
    transitions: (byMessage.get(row.message_id) ?? [])
      .sort((a, b) => a.sequence - b.sequence)
      .map(({ state, at }) => ({ state, at })),
  }))
}

import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

export type SentRow = Pick<RowOf<'messages'>, 'message_id' | 'customer_id' | 'treatment_id' | 'state_at'>

/** Each call resolves to the messages sent since the one before, oldest first. */
export function createNewlySent(db: WorkspaceDb): () => Promise<SentRow[]> {
  let after = { at: -1, ids: new Set<string>() }
  return async () => {
    const rows = await db
      .selectFrom('messages')
      .select(['messages.message_id', 'messages.customer_id', 'messages.treatment_id', 'messages.state_at'])
      .where('messages.state', '=', 'sent')
      .where('messages.state_at', '>=', after.at)
      .orderBy('messages.state_at')
      .orderBy('messages.message_id')
      .execute()
    const fresh = rows.filter((row) => !after.ids.has(row.message_id))
    const at = rows.at(-1)?.state_at ?? after.at
    after = { at, ids: new Set(rows.filter((row) => row.state_at === at).map((row) => row.message_id)) }
    return fresh
  }
}

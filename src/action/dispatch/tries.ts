import type { WorkspaceDb } from '#platform/store/store.ts'

/**
 * How often each provider has failed with these messages, by message and provider. What was tried before an
 * operator retried a message does not count.
 */
export async function loadTries(
  db: WorkspaceDb,
  messageIds: readonly string[],
): Promise<Map<string, Map<string, number>>> {
  const tries = new Map<string, Map<string, number>>()
  if (messageIds.length === 0) return tries
  const rows = await db
    .selectByKeys('attempts', 'message_id', messageIds)
    .where('attempts.result', '=', 'transient')
    .select(['attempts.message_id', 'attempts.provider', 'attempts.attempt'])
    .execute()
  const failed = [...new Set(rows.map((row) => row.message_id))]
  const letters =
    failed.length === 0
      ? []
      : await db
          .selectByKeys('dead_letters', 'message_id', failed)
          .select(['dead_letters.message_id', 'dead_letters.attempts'])
          .execute()
  const before = new Map(letters.map((row) => [row.message_id, row.attempts]))
  for (const row of rows) {
    if (row.attempt <= (before.get(row.message_id) ?? 0)) continue
    const own = tries.get(row.message_id) ?? new Map<string, number>()
    tries.set(row.message_id, own.set(row.provider, (own.get(row.provider) ?? 0) + 1))
  }
  return tries
}

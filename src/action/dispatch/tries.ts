import type { WorkspaceDb } from '#platform/store/store.ts'
import type { MessageRow } from '../message-rows.ts'
import type { ChannelSet } from '../open-channels.ts'

/**
 * How often each provider has failed with these messages, by message: failover goes to one that failed least. Only
 * of messages that have been tried, in channels with several providers.
 */
export async function loadTries(
  db: WorkspaceDb,
  messages: readonly MessageRow[],
  channels: ChannelSet,
): Promise<Map<string, Map<string, number>>> {
  const several = new Set(
    [...channels.real].filter(([, own]) => own.length > 1).map(([name]) => String(name)),
  )
  const ids = messages
    .filter((row) => row.attempts > 0 && several.has(row.channel))
    .map((row) => row.message_id)
  const tries = new Map<string, Map<string, number>>()
  if (ids.length === 0) return tries
  const rows = await db
    .selectByKeys('attempts', 'message_id', ids)
    .where('attempts.result', '=', 'transient')
    .select((eb) => ['attempts.message_id', 'attempts.provider', eb.fn.countAll<number>().as('tries')])
    .groupBy(['attempts.message_id', 'attempts.provider'])
    .execute()
  for (const row of rows) {
    const own = tries.get(row.message_id) ?? new Map<string, number>()
    tries.set(row.message_id, own.set(row.provider, Number(row.tries)))
  }
  return tries
}

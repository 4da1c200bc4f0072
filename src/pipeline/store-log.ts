import type { Store, StoreScope, StoreTransaction } from '#platform/store/store.ts'
import { workerGroup } from './worker.ts'

/** The name of the log in the data folder; Kafka's is `kafkaLog(topicPrefix)`. */
export const embeddedLog = 'embedded'

export function kafkaLog(topicPrefix: string): string {
  return `kafka ${topicPrefix}`
}

/**
 * Makes `wanted` the log whose offsets the store holds: a partition and an offset mean something in one log
 * only, and taken for another's they would skip what was acknowledged. Leaving the embedded log for Kafka's
 * forgets its offsets, once the store has everything that it held. Resolves to a line for the operator where
 * this log must not be used, else to null.
 *
 * There is no way back from Kafka: `open` must have found it in order before the embedded log is left.
 */
export async function takeLog(
  store: Store,
  wanted: string,
  { ends, open }: LogLooks,
): Promise<string | null> {
  const before = await currentLog(store.read)
  if (before !== null && before !== wanted && wanted !== embeddedLog) await open()
  return store.transaction(async (tx) => {
    const current = await currentLog(tx)
    const isFromEmbedded = current === embeddedLog || current === appliedLog
    if (current === null || current === wanted || (isFromEmbedded && wanted === embeddedLog)) {
      await remember(tx, wanted)
      return null
    }
    if (!isFromEmbedded)
      return `the store has taken its events from the log ${current}, not from ${wanted}: connect that log`
    if (current === embeddedLog) {
      const rest = restOf(ends(), await storedOffsets(tx))
      if (rest === null) {
        return 'the store has taken its events from the embedded log, which is not in this data folder: start once with the folder that holds log.db, so that nothing in it is lost'
      }
      if (rest > 0) {
        return `log.db holds ${rest} records that are not applied yet: start without STARLING_KAFKA_BROKERS until \`starling status\` shows 0 not yet applied, then with it`
      }
    }
    await tx.system.deleteFrom('log_offsets').where('group_name', '=', workerGroup).execute()
    await remember(tx, wanted)
    return null
  })
}

export interface LogLooks {
  /** Ends of the embedded log in this process's data folder; null where it has none. */
  ends(): ReadonlyMap<number, number> | null
  /** Opens the wanted log and closes it again; rejects with a line for the operator. */
  open(): Promise<void>
}

/**
 * Writes down, before the store is copied elsewhere, whether it has all that the embedded log holds: the copy
 * can be used without the log then. Resolves to the number of records that it has not.
 */
export async function noteRest(store: Store, ends: ReadonlyMap<number, number> | null): Promise<number> {
  return store.transaction(async (tx) => {
    const rest = restOf(ends, await storedOffsets(tx))
    const current = await currentLog(tx)
    const isEmbedded = current === null || current === embeddedLog || current === appliedLog
    // A log that has gone missing cannot be said to be applied.
    if (isEmbedded) await remember(tx, rest === 0 ? appliedLog : embeddedLog)
    return rest ?? 0
  })
}

/** The store has all that the embedded log held when it was last looked at, and no server has started since. */
const appliedLog = 'embedded, all applied'
const settingName = 'event-log'

/** A store that is older than this setting has known the embedded log alone. */
async function currentLog(scope: StoreScope): Promise<string | null> {
  const row = await scope.system
    .selectFrom('system_settings')
    .select('value')
    .where('name', '=', settingName)
    .executeTakeFirst()
  if (row !== undefined) return row.value
  const offsets = await storedOffsets(scope)
  return offsets.size > 0 ? embeddedLog : null
}

async function remember(tx: StoreTransaction, log: string): Promise<void> {
  await tx.systemBulk('system_settings', [{ name: settingName, value: log }], {
    key: ['name'],
    update: ['value'],
  })
}

async function storedOffsets(scope: StoreScope): Promise<Map<number, number>> {
  const rows = await scope.system
    .selectFrom('log_offsets')
    .select(['partition_number', 'next_offset'])
    .where('group_name', '=', workerGroup)
    .execute()
  return new Map(rows.map((row) => [row.partition_number, row.next_offset]))
}

function restOf(ends: ReadonlyMap<number, number> | null, offsets: Map<number, number>): number | null {
  if (ends === null) return offsets.size === 0 ? 0 : null
  let rest = 0
  for (const [partition, end] of ends) rest += Math.max(0, end - (offsets.get(partition) ?? 0))
  return rest
}

import type { EventLog } from '#contracts/event-log.ts'
import type { Store, StoreTransaction } from '#platform/store/store.ts'

/** Thrown when another owner has moved the offset: the batch rolls back and the partition is read again. */
export class OffsetMovedError extends Error {
  constructor(group: string, partition: number, expected: number) {
    super(
      `partition ${partition} of ${group} is no longer at offset ${expected}: another owner has committed`,
    )
    this.name = 'OffsetMovedError'
  }
}

/**
 * Moves a group's offset by compare-and-set, inside the transaction that holds what the batch changed: an
 * owner that was paused and lost its partition cannot commit.
 */
export async function moveOffset(
  tx: StoreTransaction,
  group: string,
  partition: number,
  from: number,
  to: number,
): Promise<void> {
  const moved = await tx.system
    .updateTable('log_offsets')
    .set({ next_offset: to })
    .where('group_name', '=', group)
    .where('partition_number', '=', partition)
    .where('next_offset', '=', from)
    .executeTakeFirst()
  if (moved.numUpdatedRows !== 1n) throw new OffsetMovedError(group, partition, from)
}

/** The group's positions; partitions it has never seen start at 0 and get their row here. */
export async function loadOffsets(
  tx: StoreTransaction,
  group: string,
  partitions: number[],
): Promise<Map<number, number>> {
  await tx.systemBulk(
    'log_offsets',
    partitions.map((partition_number) => ({ group_name: group, partition_number, next_offset: 0 })),
    'ignore',
  )
  const rows = await tx.system
    .selectFrom('log_offsets')
    .select(['partition_number', 'next_offset'])
    .where('group_name', '=', group)
    .execute()
  const asked = new Set(partitions)
  return new Map(
    rows
      .filter((row) => asked.has(row.partition_number))
      .map((row) => [row.partition_number, row.next_offset]),
  )
}

/**
 * Why this log cannot be the one the store has read: it ends before what was consumed, or has fewer
 * partitions. Null when it can.
 */
export async function offsetsFault(store: Store, log: EventLog, group: string): Promise<string | null> {
  const rows = await store.read.system
    .selectFrom('log_offsets')
    .select(['partition_number', 'next_offset'])
    .where('group_name', '=', group)
    .orderBy('partition_number')
    .execute()
  const partitions = Math.max(0, ...rows.map((row) => row.partition_number + 1))
  if (partitions > log.partitions) {
    return `the store has read ${partitions} partitions of the event log, and this log has ${log.partitions}: connect the log that belongs to the store`
  }
  const ends = await log.ends()
  for (const { partition_number: partition, next_offset: offset } of rows) {
    const end = ends.get(partition) ?? 0
    if (offset <= end) continue
    return `the event log's partition ${partition} ends at ${end}, before offset ${offset} which the store has consumed: the log is older than the store. Restore both from one backup.`
  }
  return null
}

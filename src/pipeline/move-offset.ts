import type { StoreTransaction } from '#platform/store/store.ts'

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
  return new Map(rows.map((row) => [row.partition_number, row.next_offset]))
}

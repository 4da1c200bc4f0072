/** What bounds the log. Times are wall-clock milliseconds, sizes are bytes of record bodies. */
export interface LogLimits {
  /** A record that every group has consumed is deleted when it is older than this. */
  retentionMs: number
  /** Consumed records are deleted earlier, oldest first, while the log holds more than this. */
  retentionBytesMax: number
  /** An append is answered `full` while it would leave more than this unconsumed by some group. */
  backlogBytesMax: number
}

export const DEFAULT_LOG_LIMITS: LogLimits = {
  retentionMs: 7 * 24 * 60 * 60 * 1000,
  retentionBytesMax: 8 * 1024 ** 3,
  backlogBytesMax: 2 * 1024 ** 3,
}

export const DEFAULT_PARTITIONS = 8

/** Wait between two looks at retention and two writes of the consumers' offsets. */
export const MAINTAIN_EVERY_MS = 1000

/** One `append` caller's bytes on their way to the disk; more is answered `full`. */
export const IN_FLIGHT_BYTES_MAX = 64 * 1024 ** 2

/** A run of records that could not be read: they are handed on as `null`. */
export interface LogDamage {
  partition: number
  baseOffset: number
  records: number
  reason: string
}

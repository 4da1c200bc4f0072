import type { LogRecord } from './event.ts'

/** One record to append. `body` is the record as JSON; the key (customer) chooses the partition. */
export interface LogAppend {
  /** `workspace` + NUL + `customerId`: records with equal keys stay in order. */
  key: string
  body: string
}

/** A run of records of one partition, in order. */
export interface LogBatch {
  partition: number
  /** Offset of the first record. */
  baseOffset: number
  /** Offset after the last record: what the consumer commits when it took all of them. */
  nextOffset: number
  /** The i-th has offset `baseOffset + i`. A record that cannot be read is `null` and is reported. */
  records: (LogRecord | null)[]
}

export type AppendResult =
  | { kind: 'appended' }
  /** The log cannot take more now; the caller answers 429 with this many seconds. */
  | { kind: 'full'; retryAfterSeconds: number }
  /** Closing down or the disk refuses; the caller answers 503. */
  | { kind: 'unavailable'; reason: string }

/**
 * The durable door. Adapters: SQLite (one machine), Kafka (many). Partitions by customer; an append is
 * acknowledged only when it is on disk.
 */
export interface EventLog {
  readonly partitions: number
  /** Resolves when every record is durable. All records of one call are appended or none. */
  append(records: LogAppend[]): Promise<AppendResult>
  /** A consumer of `group`. The *store* holds the authoritative offset: seek to it before the first poll. */
  consumer(group: string): LogConsumer
  close(): Promise<void>
}

export interface LogConsumer {
  /** Partitions this consumer owns now. */
  assigned(): number[]
  /** The next poll of `partition` starts at `offset`. */
  seek(partition: number, offset: number): void
  /**
   * Up to `recordsMax` records of one owned partition (taking turns between partitions), or null when
   * nothing arrived within `waitMs`. Moves its read position; a caller that committed less seeks back.
   */
  poll(recordsMax: number, waitMs: number): Promise<LogBatch | null>
  /** Tells the log what the store has committed, so that retention may pass it. Advisory, may lag. */
  committed(partition: number, offset: number): void
  /** Records appended and not yet polled, summed over the owned partitions. */
  lag(): Promise<number>
  close(): Promise<void>
}

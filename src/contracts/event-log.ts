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
  /**
   * Where the consumer stood: the store's offset moves from here. Lower than `baseOffset` where the log has
   * a gap: retention passed the consumer, or (Kafka) a producer's transaction left its marks.
   */
  fromOffset: number
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
 * acknowledged only when it is on disk (Kafka: on every replica in sync).
 */
export interface EventLog {
  readonly partitions: number
  /**
   * Resolves when every record is durable. Unless it answers `appended` the outcome is open: SQLite appends
   * all records of a call or none, Kafka may have taken those of some partitions. The caller answers 503,
   * its client sends again, and the event's id makes it once in effect.
   */
  append(records: LogAppend[]): Promise<AppendResult>
  /**
   * A consumer of `group`. The *store* holds the authoritative offsets: `startAt` tells them, and without it
   * the consumer starts at the first record kept.
   */
  consumer(group: string, startAt?: StartAt): LogConsumer
  /** The offset after the last record of each partition. */
  ends(): Promise<Map<number, number>>
  /** Where other systems can read from us; absent on one machine, where nobody could. */
  readonly publisher?: LogPublisher
  /** Where other systems write to us; absent on one machine. */
  readonly inbox?: LogInbox
  close(): Promise<void>
}

/**
 * What other systems read: `decisions`, and `dead-letters` (events that were refused, records that could not
 * be read). A batch that runs again publishes again: the last record of an id holds.
 */
export interface LogPublisher {
  /** Resolves when every record is durable. */
  publish(records: { to: 'decisions' | 'dead-letters'; key: string; body: string }[]): Promise<AppendResult>
}

/** One event as another system produced it; nothing of it has been looked at. */
export interface InboxMessage {
  /** The same each time the message comes. */
  id: string
  /** From its header `writeKey`; null where it has none. */
  writeKey: string | null
  body: Buffer
}

export interface LogInbox {
  /**
   * Reads in a group of its own. `take` gets messages in the order of their partition, and answers true when
   * they are safe with us: then they are committed. After false they come again, as after a crash.
   */
  read(take: (messages: InboxMessage[]) => Promise<boolean>): { close(): Promise<void> }
}

/**
 * Where the store stands in these partitions, asked each time the consumer gets them: with SQLite before
 * the first poll, for all; with Kafka after every rebalance.
 */
export type StartAt = (partitions: number[]) => Promise<Map<number, number>>

export interface LogConsumer {
  /** Partitions this consumer owns now; with Kafka they come and go, and none is there before the first poll. */
  assigned(): number[]
  /**
   * The next poll of `partition` starts at `offset`; nothing happens when the partition was lost meanwhile.
   * An offset behind the log's end is a fault: here or from the next poll comes an Error that says so.
   */
  seek(partition: number, offset: number): void
  /**
   * Up to `recordsMax` records of one owned partition (taking turns between partitions), or null when
   * nothing arrived within `waitMs`. Moves its read position; a caller that committed less seeks back.
   */
  poll(recordsMax: number, waitMs: number): Promise<LogBatch | null>
  /** Tells the log what the store has committed, so that retention may pass it. Advisory, may lag. */
  committed(partition: number, offset: number): void
  /** Records appended and not yet polled, summed over the owned partitions; waits for the first assignment. */
  lag(): Promise<number>
  close(): Promise<void>
}

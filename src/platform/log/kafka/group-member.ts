import { setTimeout as wait } from 'node:timers/promises'
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import type { Logger } from '#contracts/logger.ts'
import { reasonOf, withinMs } from './kafka-client.ts'

export interface GroupMemberOptions {
  kafka: Kafka
  topic: string
  groupId: string
  partitions: number
  sessionTimeoutMs: number
  logger: Logger
  /** After each rebalance, before anything of it is fetched. */
  onAssigned: (partitions: number[]) => void
  /** The partitions are no longer ours to rely on: a rebalance, a lost connection. */
  onRevoked: () => void
  /** It resolves when the next batch may come; what it throws goes back to kafkajs. */
  onBatch: (payload: EachBatchPayload) => Promise<void>
  /** Records that no reader may see (marks of transactions) filled a fetch. */
  onSkipped: (partition: number, firstOffset: number, nextOffset: number) => void
}

/** A member of a consumer group that joins again, whatever happened, until it is closed. */
export interface GroupMember {
  seek(partition: number, offset: number): void
  /** Advisory: shown by Kafka's own tools, and where a member starts to fetch until it has asked the store. */
  commit(offsets: Map<number, number>): Promise<void>
  close(): Promise<void>
}

/** How long a fetch waits for records, and how often an idle member looks whether it must end. */
const FETCH_WAIT_MS = 500
const REJOIN_AFTER_MS = 500

export function createGroupMember(options: GroupMemberOptions): GroupMember {
  const { topic, groupId, logger } = options
  let running: Consumer | null = null
  let said = false
  const closing = new AbortController()

  const live = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await runOnce()
      } catch (error) {
        // Once for each time it stops, not for each try.
        const say = said ? logger.debug : logger.warn
        said = true
        say('reading from Kafka stopped and is tried again', {
          topic,
          groupId,
          reason: reasonOf(error),
        })
      }
      running = null
      options.onRevoked()
      await wait(REJOIN_AFTER_MS, undefined, { signal: closing.signal }).catch(() => {})
    }
  }

  /** Ends when the member is closed; rejects when kafkajs has given up. */
  const runOnce = async (): Promise<void> => {
    const consumer = createConsumer(options)
    const crashed = new Promise<never>((_, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    })
    crashed.catch(() => {})
    listen(consumer, {
      ...options,
      onAssigned(partitions) {
        running = consumer
        said = false
        options.onAssigned(partitions)
      },
    })
    try {
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: options.partitions,
        eachBatch: options.onBatch,
      })
      await Promise.race([crashed, aborted(closing.signal)])
    } finally {
      await withinMs(consumer.disconnect(), 5000, 'leaving the group').catch(() => {})
    }
  }

  const life = live()
  return {
    seek(partition, offset) {
      running?.seek({ topic, partition, offset: String(offset) })
    },
    async commit(offsets) {
      const list = [...offsets].map(([partition, offset]) => ({ topic, partition, offset: String(offset) }))
      await running?.commitOffsets(list)
    },
    async close() {
      closing.abort()
      await life
    },
  }
}

function createConsumer({ kafka, groupId, sessionTimeoutMs }: GroupMemberOptions): Consumer {
  return kafka.consumer({
    groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: Math.max(sessionTimeoutMs, 30_000),
    heartbeatInterval: heartbeatMsOf(sessionTimeoutMs),
    maxWaitTimeInMs: FETCH_WAIT_MS,
    // Compressed; unpacked it is some five times as much in memory.
    maxBytesPerPartition: 128 * 1024,
    maxBytes: 1024 * 1024,
    allowAutoTopicCreation: false,
    // One way to come back: `live` makes a new consumer.
    retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 5, restartOnFailure: async () => false },
  })
}

/** A member learns of a rebalance from the answer to a heartbeat. */
export function heartbeatMsOf(sessionTimeoutMs: number): number {
  return Math.max(200, Math.min(1000, sessionTimeoutMs / 10))
}

function listen(consumer: Consumer, { topic, onAssigned, onRevoked, onSkipped }: GroupMemberOptions): void {
  const { GROUP_JOIN, REBALANCING, END_BATCH_PROCESS } = consumer.events
  consumer.on(GROUP_JOIN, ({ payload }) => onAssigned(payload.memberAssignment[topic] ?? []))
  consumer.on(REBALANCING, onRevoked)
  consumer.on(END_BATCH_PROCESS, ({ payload }) => {
    const first = payload.firstOffset as string | null
    if (payload.batchSize > 0 || first === null) return
    onSkipped(payload.partition, Number(first), Number(payload.lastOffset) + 1)
  })
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

import { setTimeout as wait } from 'node:timers/promises'
import type { EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs'
import type { InboxMessage, LogInbox } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import { createGroupMember, heartbeatMsOf } from './group-member.ts'
import { reasonOf } from './kafka-client.ts'

/** One request's worth for ingest: bounded work between two commits. */
const MESSAGES_MAX = 500
const RETRY_AFTER_MS = 1000

/** The inbox topic; here Kafka's own offsets say where to go on. */
export function createKafkaInbox(options: {
  kafka: Kafka
  topic: string
  groupId: string
  partitions: number
  sessionTimeoutMs: number
  logger: Logger
}): LogInbox {
  const { topic, groupId, logger, sessionTimeoutMs } = options
  const heartbeatMs = heartbeatMsOf(sessionTimeoutMs)
  return {
    read(take) {
      let closed = false

      const tryTake = async (messages: InboxMessage[]): Promise<boolean> => {
        try {
          return await take(messages)
        } catch (error) {
          logger.warn('events of the inbox could not be taken and will be tried again', {
            topic,
            reason: reasonOf(error),
          })
          return false
        }
      }

      const onBatch = async (payload: EachBatchPayload): Promise<void> => {
        const { batch, resolveOffset, heartbeat, isStale, commitOffsetsIfNecessary } = payload
        const { partition, messages } = batch
        for (let at = 0; at < messages.length && !closed && !isStale(); at += MESSAGES_MAX) {
          const chunk = messages.slice(at, at + MESSAGES_MAX)
          const events = chunk.map((message) => inboxMessageOf(topic, partition, message))
          while (!(await whileBeating(heartbeat, heartbeatMs, tryTake(events)))) {
            await whileBeating(heartbeat, heartbeatMs, wait(RETRY_AFTER_MS))
            if (closed || isStale()) return
          }
          const last = chunk.at(-1)!.offset
          resolveOffset(last)
          const offset = String(Number(last) + 1)
          await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset }] }] })
        }
      }

      const member = createGroupMember({
        ...options,
        onBatch,
        onAssigned: (partitions) => {
          logger.info('partitions assigned', { topic, groupId, partitions: partitions.join(' ') })
        },
        onRevoked: () => {},
        onSkipped: () => {},
      })
      return {
        async close() {
          closed = true
          await member.close()
        },
      }
    },
  }
}

function inboxMessageOf(topic: string, partition: number, message: KafkaMessage): InboxMessage {
  const writeKey = message.headers?.writeKey
  return {
    id: `${topic}-${partition}-${message.offset}`,
    writeKey: writeKey === undefined ? null : String(writeKey),
    body: message.value ?? Buffer.alloc(0),
  }
}

/** Work may take longer than the session; when the group rebalances meanwhile, this rejects after the work. */
async function whileBeating<T>(
  heartbeat: () => Promise<void>,
  everyMs: number,
  work: Promise<T>,
): Promise<T> {
  const timer = setInterval(() => heartbeat().catch(() => {}), everyMs)
  try {
    const result = await work
    await heartbeat()
    return result
  } finally {
    clearInterval(timer)
  }
}
